"""Rows of a report kept as JSON text: a report of fifty thousand calls without fifty thousand objects."""

import json
import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, Generic, TypeVar, cast, overload

from analyzer.report.border import clean, scrub
from analyzer.report.tree import NEVER, Reader, plan

T = TypeVar("T")
_SHORT = 200  # characters of a text that is worth remembering: addresses, ids, words, titles
_encode_text = json.JSONEncoder(ensure_ascii=False).encode


def encode_row(row: Any) -> bytes:
    """One report object as compact JSON, UTF-8, one line; cleaned and scrubbed.

    It is what json.dumps makes of `to_tree(row)`, each string scrubbed, without building the tree.
    """
    return encode_value(row).encode("utf-8")


def _quoted(text: str) -> str:
    return _encode_text(scrub(clean(text)))


_remembered = lru_cache(maxsize=4_096)(_quoted)


def encode_value(value: Any) -> str:
    """A report value of any kind as JSON; a string cleaned and scrubbed."""
    kind = type(value)
    if kind is str:
        return _remembered(value) if len(value) <= _SHORT else _quoted(value)
    if kind is int:
        return str(value)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is tuple or kind is list:
        return "[" + ",".join([encode_value(item) for item in value]) + "]" if value else "[]"
    if isinstance(value, str):
        return _quoted(str(value))
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else "null"
    if isinstance(value, Mapping):
        shown = dict(sorted([(clean(key), encode_value(item)) for key, item in value.items()]))
        return "{" + ",".join([f"{_quoted(key)}:{item}" for key, item in shown.items()]) + "}"
    if isinstance(value, Sequence):
        return "[" + ",".join([encode_value(item) for item in value]) + "]"
    get, fields = _fields(cast("Hashable", kind))
    members = []
    for item, (key, omit_at) in zip(get(value), fields, strict=True):
        kind = type(item)
        if omit_at is not NEVER and item == omit_at:
            continue
        if kind is str and len(item) <= _SHORT:
            members.append(key + _remembered(item))
        else:
            members.append(key + (str(item) if kind is int else encode_value(item)))
    return "{" + ",".join(members) + "}"


@lru_cache(maxsize=64)
def _fields(kind: Any) -> tuple[Callable[[Any], tuple[Any, ...]], tuple[tuple[str, Any], ...]]:
    """How to read a report class: all attributes at once, and for each its key as JSON and where it is left out."""
    fields = plan(kind)
    names = [field.attribute for field in fields]
    if len(names) > 1:
        get: Callable[[Any], tuple[Any, ...]] = attrgetter(*names)
    else:
        get = lambda row: tuple([getattr(row, name) for name in names])  # noqa: E731  # attrgetter of one is no tuple
    return get, tuple([(f"{_quoted(field.name)}:", field.omit_at) for field in fields])


class Rows(Sequence[T], Generic[T]):
    """A sequence of report objects held as compact JSON and decoded on access.

    `fragments` may be any sequence of bytes, one encoded row each (from `encode_row`): a list, or a spool on disk.
    A fragment that is no such row raises ValueError on access: it was made by us, so it is our fault.
    """

    __slots__ = ("_cls", "fragments")

    def __init__(self, cls: type[T], fragments: Sequence[bytes]) -> None:
        self._cls = cls
        self.fragments = fragments

    @classmethod
    def of(cls, kind: type[T], rows: Iterable[T]) -> "Rows[T]":
        """The rows, encoded one by one."""
        return cls(kind, [encode_row(row) for row in rows])

    def _decode(self, fragment: bytes) -> T:
        reader = Reader()
        row = reader.row(self._cls, json.loads(fragment), "")
        if row is None:
            raise ValueError(f"not a {self._cls.__name__} row: {'; '.join(reader.problems)}")
        return row

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> "Rows[T]": ...
    def __getitem__(self, index: int | slice) -> "T | Rows[T]":
        if isinstance(index, slice):
            return Rows(self._cls, self.fragments[index])
        return self._decode(self.fragments[index])

    def __iter__(self) -> Iterator[T]:
        return map(self._decode, self.fragments)

    def __len__(self) -> int:
        return len(self.fragments)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, (str, bytes)):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # equal to a tuple of the same rows, whose hash it does not have
