"""Rows of a report kept as JSON text: a report of fifty thousand calls without fifty thousand objects."""

import json
import math
import zlib
from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from functools import lru_cache
from json.encoder import encode_basestring
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Generic, Literal, TypeVar, Union, cast, get_args, get_origin, overload

from analyzer.report.border import clean, scrub
from analyzer.report.tree import NEVER, Reader, plan

T = TypeVar("T")
_BLOCK = 64  # rows compressed together
_SHORT = 200  # characters of a text that is worth remembering: addresses, ids, words, titles


def encode_row(row: Any) -> bytes:
    """One report object as compact JSON, UTF-8, one line; cleaned and scrubbed.

    It is what json.dumps makes of `to_tree(row)`, each string scrubbed, without building the tree.
    """
    return encode_value(row).encode("utf-8")


def _quoted(text: str) -> str:
    return encode_basestring(scrub(clean(text)))


_remembered = lru_cache(maxsize=1_024)(_quoted)


def _text(text: str) -> str:
    return _remembered(text) if len(text) <= _SHORT else _quoted(text)


def encode_value(value: Any) -> str:
    """A report value of any kind as JSON; a string cleaned and scrubbed."""
    kind = type(value)
    if kind is str:
        return _text(value)
    if kind is int:
        return str(value)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is tuple or kind is list:
        return "[" + ",".join([encode_value(item) for item in value]) + "]" if value else "[]"
    if is_dataclass(kind):
        return _encoder(cast("Hashable", kind))(value)
    if isinstance(value, str):
        return _quoted(str(value))
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else "null"
    if isinstance(value, Mapping):
        shown = dict(sorted([(clean(key), encode_value(item)) for key, item in value.items()]))
        return "{" + ",".join([f"{_quoted(key)}:{item}" for key, item in shown.items()]) + "}"
    if isinstance(value, Sequence):
        return "[" + ",".join([encode_value(item) for item in value]) + "]"
    raise TypeError(f"{kind.__name__} is no report value")


@lru_cache(maxsize=64)
def _encoder(kind: Any) -> Callable[[Any], str]:
    """What writes the objects of a report class: a text with a place for each field, its writer chosen by its type."""
    fields = plan(kind)
    names = [field.attribute for field in fields]
    get: Callable[[Any], Any] = attrgetter(*names) if len(names) > 1 else lambda row: (getattr(row, names[0]),)
    writers = tuple([_writer(field.hint) for field in fields])
    keys = [f"{_quoted(field.name)}:" for field in fields]
    if all(field.omit_at is NEVER for field in fields):
        text = "{" + ",".join([key.replace("%", "%%") + "%s" for key in keys]) + "}"
        return lambda row: (
            text
            % tuple(["null" if item is None else write(item) for write, item in zip(writers, get(row), strict=True)])
        )

    def with_gaps(row: Any) -> str:
        members = [
            key + ("null" if item is None else write(item))
            for key, write, item, field in zip(keys, writers, get(row), fields, strict=True)
            if field.omit_at is NEVER or item != field.omit_at
        ]
        return "{" + ",".join(members) + "}"

    return with_gaps


def _writer(hint: Any) -> Callable[[Any], str]:
    """What writes the values of a declared type, but for None; what it does not know is told by the value itself."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return _remembered  # words of ours, which are short
    if hint is str:
        return _text
    if hint is int:
        return str
    if origin is Sequence:
        write = _writer(parts[0])
        return lambda value: (
            "[" + ",".join(["null" if item is None else write(item) for item in value]) + "]" if value else "[]"
        )
    members = [part for part in parts if part is not NoneType]
    if origin in (UnionType, Union) and len(members) == 1 and len(parts) == 2:
        return _writer(members[0])
    return _encoder(cast("Hashable", hint)) if is_dataclass(hint) else encode_value


class _ByPlace(Sequence[bytes]):
    """Encoded rows, each found by its place."""

    @abstractmethod
    def _at(self, place: int) -> bytes:
        """The row at a place that exists."""

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self._at(place) for place in range(*index.indices(len(self)))]
        return self._at(range(len(self))[index])


class PackedRows(_ByPlace):
    """Encoded rows, compressed block by block: rows are alike, so a block of them is a tenth of its size."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._last: list[bytes] = []
        self._unpacked: tuple[int, list[bytes]] = (-1, [])  # the block that was read last

    def append(self, row: bytes) -> None:
        """Adds a row, which is one line."""
        self._last.append(row)
        if len(self._last) == _BLOCK:
            self._blocks.append(zlib.compress(b"\n".join(self._last), 1))
            self._last.clear()

    def __len__(self) -> int:
        return len(self._blocks) * _BLOCK + len(self._last)

    def _block(self, number: int) -> list[bytes]:
        if number == len(self._blocks):
            return self._last
        if self._unpacked[0] != number:
            self._unpacked = number, zlib.decompress(self._blocks[number]).split(b"\n")
        return self._unpacked[1]

    def _at(self, place: int) -> bytes:
        return self._block(place // _BLOCK)[place % _BLOCK]

    def __iter__(self) -> Iterator[bytes]:
        for number in range(len(self._blocks) + 1):
            yield from self._block(number)


class AmendedRows(_ByPlace):
    """Encoded rows with what became known after they were written: values of keys, by the place of the row."""

    def __init__(self, rows: Sequence[bytes], amendments: Mapping[int, Mapping[str, object]]) -> None:
        self._rows = rows
        self._amendments = amendments

    def __len__(self) -> int:
        return len(self._rows)

    def _amended(self, place: int, row: bytes) -> bytes:
        known = self._amendments.get(place)
        if known is None:
            return row
        return json.dumps(json.loads(row) | known, ensure_ascii=False, separators=(",", ":")).encode("utf-8")

    def _at(self, place: int) -> bytes:
        return self._amended(place, self._rows[place])

    def __iter__(self) -> Iterator[bytes]:
        return (self._amended(place, row) for place, row in enumerate(self._rows))


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
        return self._read(json.loads(fragment))

    def _read(self, tree: Any) -> T:
        reader = Reader()
        row = reader.row(self._cls, tree, "")
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

    def those(self, attribute: str, wanted: Callable[[Any], bool]) -> Iterator[T]:
        """See the function of this name."""
        name = next(field.name for field in plan(self._cls) if field.attribute == attribute)
        for fragment in self.fragments:
            tree = json.loads(fragment)
            if wanted(tree.get(name)):
                yield self._read(tree)

    def __len__(self) -> int:
        return len(self.fragments)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, (str, bytes)):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # equal to a tuple of the same rows, whose hash it does not have


def those(rows: Sequence[T], attribute: str, wanted: Callable[[Any], bool]) -> Iterator[T]:
    """The rows of whose attribute `wanted` is true; of encoded rows it is told its JSON, and makes no other objects."""
    if not isinstance(rows, Rows):
        yield from (row for row in rows if wanted(getattr(row, attribute)))
        return
    yield from rows.those(attribute, wanted)
