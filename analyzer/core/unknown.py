"""A value whose evidence may be missing from a capture, and what would settle it."""

from functools import lru_cache
from typing import Literal, TypeAlias

from analyzer.core.frozen import frozen

NeedKind = Literal["key", "vantage", "message", "topology", "frames", "media"]


@frozen(order=True)
class Need:
    """One thing that would settle an open verdict: the kind, and in words which one."""

    kind: NeedKind
    what: str


@frozen
class Unknown:
    """The value is not in the evidence; `needs` says what would show it."""

    needs: tuple[Need, ...] = ()

    @staticmethod
    def of(kind: NeedKind, what: str) -> "Unknown":
        """An unknown that one thing would settle; one object for all that want the same."""
        return _of(kind, what)


@lru_cache(maxsize=1_024)
def _of(kind: NeedKind, what: str) -> Unknown:
    return Unknown((Need(kind, what),))


Tristate: TypeAlias = bool | Unknown
