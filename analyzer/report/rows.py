"""Rows of a report kept as JSON text: a report of fifty thousand calls without fifty thousand objects."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

from analyzer.report.border import scrub_json
from analyzer.report.tree import Reader, to_tree

T = TypeVar("T")


def encode_row(row: Any) -> bytes:
    """One report object as compact JSON, UTF-8, one line; cleaned and scrubbed."""
    text = json.dumps(to_tree(row), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return scrub_json(text).encode("utf-8")


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
