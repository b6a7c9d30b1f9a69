"""What was read of a text, kept for the next time: the messages of a dialog repeat most of their headers."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

T = TypeVar("T")
_TEXTS = 1_024  # the latest: those of the messages of some hundred calls
_LONGEST = 512  # characters of one


def remembered(read: Callable[[str], T]) -> Callable[[str], T]:
    """A pure function of a text that answers again what it said of one of the latest; long texts are read anew."""
    known = lru_cache(maxsize=_TEXTS)(read)

    @wraps(read)
    def reading(text: str) -> T:
        return known(text) if len(text) <= _LONGEST else read(text)

    return reading
