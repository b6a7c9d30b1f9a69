"""Names that say who is the same as whom, and nothing else."""

import hashlib
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from analyzer.core.numbers import decimal

H = TypeVar("H", bound=Hashable)

_DIGEST = 10  # bytes: of a million names no two are alike but once in 10**12 runs
_CHECK = 4  # bytes, by which a digest is known to be one of ours


class Pseudonyms(Generic[H]):
    """`user-1`, `user-2`, ... in order of first sight, for the first `bound` of a kind, which are remembered.

    Each later one is named by a digest under a key that is made of those first ones, in their order: the same name each
    time and in each run over the same captures, without any memory of it, and nobody who lacks them can try values.
    `raw` gives the bytes that stand for one.
    """

    def __init__(self, prefix: str, bound: int, raw: Callable[[H], bytes]) -> None:
        self._prefix = prefix
        self._bound = bound
        self._raw = raw
        self._names: dict[H, str] = {}
        self._once = 0
        self._key = hashlib.blake2b()

    def of(self, one: H) -> str:
        """The name of this one."""
        name = self._names.get(one)
        if name is not None:
            return name
        if len(self._names) >= self._bound:
            digest = self._keyed(self._raw(one), _DIGEST)
            return f"{self._prefix}{digest}{self._check(digest)}"
        raw = self._raw(one)
        self._key.update(len(raw).to_bytes(8, "big") + raw)
        name = self._names[one] = f"{self._prefix}{len(self._names) + self._once + 1}"
        return name

    def once(self) -> str:
        """The next ordinal, for what is named a single time."""
        self._once += 1
        return f"{self._prefix}{len(self._names) + self._once}"

    def issued(self, name: str) -> bool:
        """Whether a name is one that was given: what only looks like a pseudonym may be somebody's name."""
        if not name.startswith(self._prefix):
            return False
        rest = name[len(self._prefix) :]
        if len(rest) == 2 * (_DIGEST + _CHECK):
            digest = rest[: 2 * _DIGEST]
            return len(self._names) >= self._bound and rest == digest + self._check(digest)
        ordinal = decimal(rest)
        return ordinal is not None and 0 < ordinal <= len(self._names) + self._once and rest[0] != "0"

    def _check(self, digest: str) -> str:
        return self._keyed(b"issued " + digest.encode(), _CHECK)

    def _keyed(self, data: bytes, size: int) -> str:
        return hashlib.blake2b(data, digest_size=size, key=self._key.digest()).hexdigest()
