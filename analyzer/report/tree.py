"""Report objects to plain trees and back, by their declarations."""

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, TypeVar, get_args, get_origin

from analyzer.core.frozen import frozen
from analyzer.report.border import clean
from analyzer.report.keys import is_optional, json_name

T = TypeVar("T")
MISSING_KEY = "the key is missing"


@frozen
class Plan:
    """One field: its attribute, its key in JSON, its type, and the value at which it is left out."""

    attribute: str
    name: str
    hint: Any
    omit_at: Any


NEVER = object()  # the `omit_at` of a field that is always written
_PLANS: dict[type, tuple[Plan, ...]] = {}  # as many as there are report classes


def plan(cls: type) -> tuple[Plan, ...]:
    """The fields of a report class in the order they are written."""
    if cls not in _PLANS:
        _PLANS[cls] = _planned(cls)
    return _PLANS[cls]


def _planned(cls: type) -> tuple[Plan, ...]:
    hints = typing.get_type_hints(cls)
    return tuple(
        Plan(field.name, json_name(field), hints[field.name], field.default if is_optional(field) else NEVER)
        for field in dataclasses.fields(cls)
    )


def to_tree(value: Any) -> Any:
    """A report value as dicts, lists and scalars; strings cleaned, maps sorted by key, no NaN."""
    kind = type(value)
    if kind is str:
        return value if value.isprintable() else clean(value)
    if value is None or kind is int or kind is bool:
        return value
    if kind is tuple or kind is list:
        return [to_tree(item) for item in value]
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return dict(sorted((clean(k), to_tree(item)) for k, item in value.items()))
    if isinstance(value, Sequence):
        return [to_tree(item) for item in value]
    tree = {}
    for field in plan(type(value)):
        item = getattr(value, field.attribute)
        if field.omit_at is NEVER or item != field.omit_at:
            tree[field.name] = to_tree(item)
    return tree


def _kind(tree: Any) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "a string",
        bool: "a boolean",
        int: "an integer",
        float: "a number",
    }
    return names.get(type(tree), "null")


Path = str | tuple["Path", str | int]  # where a value stands: a text, or what it is in, and its key or its place there


def _shown(path: Path) -> str:
    steps = []
    while not isinstance(path, str):
        path, step = path
        steps.append(f"[{step}]" if isinstance(step, int) else f".{step[:80]}")
    return clean((path + "".join(reversed(steps))).lstrip(".")) or "report"


class Reader:
    """Reads trees into report objects, collecting every problem as `path: what is wrong` (at most `limit`)."""

    def __init__(self, limit: int = 100) -> None:
        self.problems: list[str] = []
        self._limit = limit

    def problem(self, path: Path, what: str) -> None:
        """Records one problem."""
        if len(self.problems) < self._limit:
            self.problems.append(f"{_shown(path)}: {clean(what)}")

    def read(self, hint: Any, tree: Any, path: Path) -> Any:
        """The value the tree stands for. After a problem the result is None or partial, and must not be used."""
        return _reading(hint)(self, tree, path)

    def row(self, cls: type[T], tree: Any, path: Path) -> T | None:
        """One object; None after a problem with its keys."""
        return typing.cast("T | None", self.read(cls, tree, path))


Read = Callable[[Reader, Any, Path], Any]


@lru_cache(maxsize=1_024)
def _reading(hint: Any) -> Read:
    """What reads the values of a declared type: made once for each, since a report has as many rows as it has calls."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return _reads_word(parts)
    if origin in (types.UnionType, typing.Union):
        return _reads_union(hint)
    if origin is Sequence:
        return _reads_list(_reading(parts[0]))
    if origin is Mapping:
        return _reads_map(*map(_reading, parts))
    if dataclasses.is_dataclass(hint):
        return _reads_row(typing.cast("type[Any]", hint))
    return {str: _text, float: _number}.get(hint) or _reads_scalar(hint)


def _reads_word(words: tuple[str, ...]) -> Read:
    def word(reader: Reader, tree: Any, path: Path) -> Any:
        if not isinstance(tree, str) or tree not in words:
            reader.problem(path, f"expected one of {', '.join(words)}")
        return tree

    return word


def _reads_union(hint: Any) -> Read:
    members = [member for member in get_args(hint) if member is not types.NoneType]
    words = tuple(word for member in members for word in vocabulary(member))  # a union of word lists is one list
    read = _reading(members[0]) if len(members) == 1 else _reads_word(words)
    return lambda reader, tree, path: None if tree is None else read(reader, tree, path)


def _reads_list(read: Read) -> Read:
    def items(reader: Reader, tree: Any, path: Path) -> Any:
        if not isinstance(tree, list):
            reader.problem(path, f"expected a list, not {_kind(tree)}")
            return ()
        return tuple([read(reader, item, (path, index)) for index, item in enumerate(tree)])

    return items


def _reads_map(read_key: Read, read: Read) -> Read:
    def members(reader: Reader, tree: Any, path: Path) -> Any:
        if not isinstance(tree, dict):
            reader.problem(path, f"expected an object, not {_kind(tree)}")
            return {}
        return {read_key(reader, key, path): read(reader, item, (path, key)) for key, item in tree.items()}

    return members


def _reads_row(cls: type[Any]) -> Read:
    fields = plan(cls)
    known = frozenset(field.name for field in fields)
    reads = [(field.name, field.attribute, _reading(field.hint), field.omit_at is NEVER) for field in fields]

    def row(reader: Reader, tree: Any, path: Path) -> Any:
        if not isinstance(tree, dict):
            reader.problem(path, f"expected an object, not {_kind(tree)}")
            return None
        for extra in tree.keys() - known:
            reader.problem(path, f"unknown key {extra[:80]}")
        values = {}
        for name, attribute, read, needed in reads:
            if name in tree:
                values[attribute] = read(reader, tree[name], (path, name))
            elif needed:
                reader.problem((path, name), MISSING_KEY)
        return None if reader.problems else cls(**values)

    return row


def _text(reader: Reader, tree: Any, path: Path) -> Any:
    if not isinstance(tree, str):
        reader.problem(path, f"expected a string, not {_kind(tree)}")
        return tree
    return clean(tree)


def _number(reader: Reader, tree: Any, path: Path) -> Any:
    if not isinstance(tree, (int, float)) or isinstance(tree, bool):
        reader.problem(path, f"expected a number, not {_kind(tree)}")
    return tree


def _reads_scalar(kind: type[Any]) -> Read:
    def scalar(reader: Reader, tree: Any, path: Path) -> Any:
        if type(tree) is not kind:
            reader.problem(path, f"expected {_kind(kind())}, not {_kind(tree)}")
        return tree

    return scalar


def vocabulary(hint: Any) -> tuple[str, ...]:
    """The words of a Literal, or of a union of Literals."""
    if get_origin(hint) is Literal:
        return tuple(get_args(hint))
    return tuple(word for member in get_args(hint) for word in vocabulary(member))
