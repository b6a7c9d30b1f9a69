"""Report objects to plain trees and back, by their declarations."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar, get_args, get_origin

from analyzer.report.border import clean
from analyzer.report.keys import is_optional, json_name

T = TypeVar("T")
MISSING_KEY = "the key is missing"


@dataclasses.dataclass(frozen=True, slots=True)
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


class Reader:
    """Reads trees into report objects, collecting every problem as `path: what is wrong` (at most `limit`)."""

    def __init__(self, limit: int = 100) -> None:
        self.problems: list[str] = []
        self._limit = limit

    def problem(self, path: str, what: str) -> None:
        """Records one problem."""
        if len(self.problems) < self._limit:
            self.problems.append(f"{clean(path) or 'report'}: {clean(what)}")

    def read(self, hint: Any, tree: Any, path: str) -> Any:
        """The value the tree stands for. After a problem the result is None or partial, and must not be used."""
        origin = get_origin(hint)
        if origin is Literal:
            if not isinstance(tree, str) or tree not in get_args(hint):
                self.problem(path, f"expected one of {', '.join(get_args(hint))}")
            return tree
        if origin in (types.UnionType, typing.Union):
            return self._union(hint, tree, path)
        if origin is Sequence:
            return self._list(get_args(hint)[0], tree, path)
        if origin is Mapping:
            return self._map(get_args(hint), tree, path)
        if dataclasses.is_dataclass(hint):
            return self.row(typing.cast("type[Any]", hint), tree, path)
        return self._scalar(hint, tree, path)

    def row(self, cls: type[T], tree: Any, path: str) -> T | None:
        """One object; None after a problem with its keys."""
        if not isinstance(tree, dict):
            self.problem(path, f"expected an object, not {_kind(tree)}")
            return None
        fields = plan(cls)
        for extra in tree.keys() - {field.name for field in fields}:
            self.problem(path, f"unknown key {extra[:80]}")
        values = {}
        for field in fields:
            if field.name in tree:
                values[field.attribute] = self.read(field.hint, tree[field.name], f"{path}.{field.name}".lstrip("."))
            elif field.omit_at is NEVER:
                self.problem(f"{path}.{field.name}".lstrip("."), MISSING_KEY)
        return None if self.problems else cls(**values)

    def _union(self, hint: Any, tree: Any, path: str) -> Any:
        if tree is None:
            return None
        members = [member for member in get_args(hint) if member is not types.NoneType]
        if len(members) == 1:
            return self.read(members[0], tree, path)
        words = tuple(word for member in members for word in vocabulary(member))  # a union of word lists is one list
        return self.read(Literal[words], tree, path)  # mypy cannot see a run-time Literal

    def _list(self, hint: Any, tree: Any, path: str) -> Any:
        if not isinstance(tree, list):
            self.problem(path, f"expected a list, not {_kind(tree)}")
            return ()
        return tuple(self.read(hint, item, f"{path}[{index}]") for index, item in enumerate(tree))

    def _map(self, hints: tuple[Any, ...], tree: Any, path: str) -> Any:
        key_hint, hint = hints
        if not isinstance(tree, dict):
            self.problem(path, f"expected an object, not {_kind(tree)}")
            return {}
        return {self.read(key_hint, k, path): self.read(hint, v, f"{path}.{k[:80]}") for k, v in tree.items()}

    def _scalar(self, hint: Any, tree: Any, path: str) -> Any:
        if hint is str and isinstance(tree, str):
            return clean(tree)
        if hint is float and isinstance(tree, (int, float)) and not isinstance(tree, bool):
            return tree
        if type(tree) is not hint:
            self.problem(path, f"expected {_kind(hint())}, not {_kind(tree)}")
        return tree


def vocabulary(hint: Any) -> tuple[str, ...]:
    """The words of a Literal, or of a union of Literals."""
    if get_origin(hint) is Literal:
        return tuple(get_args(hint))
    return tuple(word for member in get_args(hint) for word in vocabulary(member))
