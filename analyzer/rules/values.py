"""Run-time values: three-valued logic, 64-bit arithmetic, durations, domain functions (CEL's meanings)."""

import math
import re
from typing import Any

from analyzer.core.unknown import Unknown
from analyzer.rules.syntax import INT_MAX, INT_MIN

_UNITS = {"h": 3_600_000_000_000, "m": 60_000_000_000, "s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_DURATION = re.compile(r"[+-]?(?:\d{1,18}(?:\.\d{0,9})?(?:ms|us|ns|h|m|s)){1,6}", re.ASCII)
_DURATION_PART = re.compile(r"(\d{1,18})(?:\.(\d{0,9}))?(ms|us|ns|h|m|s)", re.ASCII)


class RuleError(Exception):
    """An evaluation error in CEL's sense: absorbed by && || all exists, else the verdict is open."""


class BudgetError(Exception):
    """The loop budget of an evaluation ran out; nothing absorbs it."""


def merge(left: Unknown, right: Unknown) -> Unknown:
    """Both unknown: the needs of both."""
    if left.needs == right.needs:
        return left
    return Unknown(tuple(dict.fromkeys(left.needs + right.needs)))


def bounded(value: int) -> int:
    """The value, if it fits 64 bits."""
    if INT_MIN <= value <= INT_MAX:
        return value
    raise RuleError("integer overflow")


def divide(left: Any, right: Any) -> Any:
    """Towards zero for integers; IEEE for doubles."""
    if isinstance(left, float):
        if right:
            return left / right
        if left == 0 or math.isnan(left) or math.isnan(right):
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1.0, right)
    if right == 0:
        raise RuleError("division by zero")
    quotient = abs(left) // abs(right)
    return bounded(quotient if (left < 0) == (right < 0) else -quotient)


def modulo(left: int, right: int) -> int:
    """The sign follows the dividend."""
    if right == 0:
        raise RuleError("modulus by zero")
    if left == INT_MIN and right == -1:
        raise RuleError("integer overflow")
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def duration_ns(text: str) -> int | None:
    """Nanoseconds of "1h30m", "1.5s", or None."""
    if not _DURATION.fullmatch(text):
        return None
    total = 0
    for whole, fraction, unit in _DURATION_PART.findall(text):
        total += int(whole) * _UNITS[unit] + (int(fraction.ljust(9, "0")) * _UNITS[unit] // 10**9 if fraction else 0)
    total = -total if text[0] == "-" else total
    return total if INT_MIN <= total <= INT_MAX else None


def _user(uri: str) -> str:
    text = uri.strip()
    if "<" in text:
        text = text.partition("<")[2].partition(">")[0]
    scheme, _, rest = text.partition(":")
    rest = rest.partition("?")[0]
    if scheme.lower() == "tel":
        return "".join(char for char in rest.partition(";")[0] if char not in "-.() ")
    user, at, host = rest.rpartition("@")
    host = host.partition(";")[0].partition(":")[0].lower()
    user = user.partition(";")[0].partition(":")[0]
    return f"{user}@{host}" if at else host


def same_user(left: str, right: str) -> bool:
    """Two URIs name the same user: user and host alike; tel numbers without visual separators (RFC 3966 4)."""
    return _user(left) == _user(right)
