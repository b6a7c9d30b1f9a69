"""How a parser is registered so that the six properties are shown of it, and what is read off what it gives.

A `Whole` parser is given all it reads at once, a `Stream` its bytes in any segments (`transport.parser.StreamParser`),
`Pieces` packets, fragments or chunks to put together; an `Elsewhere` has an input of another kind, and tests of its
own. For a property that a parser cannot have the registration says why, in words (`Not`); for one that other tests
show, which (`Shown`).
"""

import dataclasses
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from xml.etree.ElementTree import Element

from hypothesis import settings
from hypothesis import strategies as st

from analyzer.core.anomalies import AnomalyKind
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.core.secrets import Secret
from analyzer.transport.parser import StreamParser

PROPERTIES = ("total", "blind", "bounded", "accounted", "cited", "linear")
CITES = (Cite(0, 3, 0, 100, 7), Cite(0, 4, 100, 100, 8))
LIMITS = Limits()
DEEPEST = 40  # objects in objects that an answer may hold
AMPLE, FACTOR = 1_000, 16  # what an answer may weigh: so much, and so much for each byte that was read


@dataclass(frozen=True, slots=True)
class Not:
    """The property does not apply, for this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Shown:
    """The property is shown by this test: `file::function`, below tests/."""

    test: str


@dataclass(frozen=True)
class Whole:
    """A parser that is given all it reads at once.

    `names` are the functions and classes of `analyzer` that `read` exercises, `valid` inputs that it reads without
    complaint, which `good` tells of the answer. `blind` says why there are no segments, `accounted` tells that every
    byte is in the answer; without `cited`, all that has frames is to have those that it was read from. `units` are
    repeated, alone and behind a part of something valid, or behind `begun` where that is given, to make it slow.
    `small` are limits that a short input exceeds; `within` tells that an answer keeps them.
    """

    names: tuple[str, ...]
    read: Callable[[bytes, Limits], Any]
    valid: tuple[bytes, ...]
    good: Callable[[Any], object]
    blind: Not | Shown
    accounted: Callable[[bytes, Any], bool] | Not | Shown
    cited: Not | Shown | None = None
    units: tuple[bytes, ...] = ()
    small: Limits = LIMITS
    within: Callable[[Any, Limits], bool] = lambda found, limits: True
    size: int = 24_000  # bytes of the input that is to be read in linear time
    begun: bytes | None = None
    share: float = 1.0  # of the examples of others that are tried, where reading is slow


@dataclass(frozen=True)
class Stream:
    """A parser of one direction of a stream.

    `bound` is how many bytes it may hold under the limits, `size` how many of the stream an event accounts for,
    `passed` how many were passed over that no event has told of yet. `odd` are ends of messages, and what is like one:
    they are mixed with what is valid. `units` are repeated, alone, behind half a message, and behind each of `begun`,
    in segments of `step` bytes.
    """

    names: tuple[str, ...]
    make: Callable[[Limits], StreamParser]
    valid: tuple[bytes, ...]
    good: Callable[[Any], object]
    size: Callable[[Any], int]
    small: Limits
    bound: Callable[[Limits], int]
    units: tuple[bytes, ...]
    odd: tuple[bytes, ...] = ()
    begun: tuple[bytes, ...] = ()
    passed: Callable[[Any], int] = lambda stream: 0
    length: int = 16_000
    step: int = 700


@dataclass(frozen=True)
class Pieces:
    """What puts packets, fragments or chunks together: `feed` gives it one with its frame, `end` all that is left.

    `counter(n)` is a piece that differs from every other n: a flood of them fills whatever is not bounded. `kept` is
    what the limits, which are small, let it keep, as `weight` counts. `order` says why, or by which test, the way in
    which the pieces were cut and come makes no difference, `accounted` that no byte is lost.
    """

    names: tuple[str, ...]
    make: Callable[[Limits], Any]
    feed: Callable[[Any, bytes, Cite], Any]
    end: Callable[[Any], Any]
    valid: tuple[bytes, ...]
    good: Callable[[list[Any]], object]
    counter: Callable[[int], bytes]
    small: Limits
    kept: int
    order: Not | Shown
    accounted: Not | Shown


@dataclass(frozen=True)
class Elsewhere:
    """A parser whose input is of another kind."""

    names: tuple[str, ...]
    total: Not | Shown
    blind: Not | Shown
    bounded: Not | Shown
    accounted: Not | Shown
    cited: Not | Shown
    linear: Not | Shown


def tried(share: float = 1.0) -> settings:
    """So many of the examples that the profile asks for."""
    return settings(max_examples=max(1, round(share * settings.default.max_examples)))


# -- inputs ----------------------------------------------------------------------------------------------------------

_CHANGES = st.lists(st.tuples(st.integers(0, 4_000), st.binary(max_size=4), st.integers(0, 9)), max_size=5)


def _changed(data: bytes, changes: list[tuple[int, bytes, int]]) -> bytes:
    """The data with bytes put in and taken away."""
    for at, more, less in changes:
        at %= len(data) + 1
        data = data[:at] + more + data[at + less :]
    return data


def inputs(valid: tuple[bytes, ...], odd: tuple[bytes, ...] = ()) -> st.SearchStrategy[bytes]:
    """Anything: bytes, and what is valid, changed, cut and joined, among what is odd."""
    one = st.sampled_from(valid)
    ends = (
        st.binary(max_size=9)
        if not odd
        else st.one_of(st.sampled_from(odd), st.sampled_from(odd), st.binary(max_size=9))
    )
    cut = st.builds(lambda data, at: data[at % (len(data) + 1) :], one, st.integers(0, 4_000))
    begun = st.builds(lambda data, at: data[: at % (len(data) + 1)], one, st.integers(0, 4_000))
    joined = st.lists(st.one_of(one, cut, begun, ends), max_size=12 if odd else 5).map(b"".join)
    return st.one_of(st.builds(_changed, one, _CHANGES), joined, st.binary(max_size=60))


# -- answers ---------------------------------------------------------------------------------------------------------

_LEAVES = (str, bytes, bytearray, int, float, complex, type(None), Secret, Cite, AnomalyKind, Enum)


def leaves(value: Any, depth: int = 0) -> Iterator[Any]:
    """All that can be read off an answer: fields, items, and the properties of its classes, which are code as well."""
    assert depth < DEEPEST, "an answer without an end"
    if isinstance(value, _LEAVES):
        yield value
    elif isinstance(value, Mapping):
        yield f"map of {len(value)}"
        for key, item in value.items():
            yield from leaves(key, depth + 1)
            yield from leaves(item, depth + 1)
    elif isinstance(value, Element):
        for each in value.iter():
            yield from (str(each.tag), each.text or "", each.tail or "", *each.attrib, *each.attrib.values())
    elif isinstance(value, tuple | list | set | frozenset) and not hasattr(value, "_fields"):
        yield f"{len(value)} items"
        for item in value:
            yield from leaves(item, depth + 1)
    else:
        yield type(value).__name__
        for name in _readable(type(value)):
            part = getattr(value, name)
            if type(part) is not type(value):  # endpoints have their reverse, which has its own
                yield from leaves(part, depth + 1)


def _readable(kind: type) -> Iterator[str]:
    """The names of an object's fields, and of its properties."""
    if dataclasses.is_dataclass(kind):
        yield from (field.name for field in dataclasses.fields(kind) if not field.name.startswith("_"))
    else:
        yield from getattr(kind, "_fields", ())
    for base in kind.__mro__:
        yield from (name for name, member in vars(base).items() if isinstance(member, property) and name[0] != "_")


def weight(value: Any) -> int:
    """What an answer or a parser keeps: bytes, characters, parts and places for them; what is shared counts once."""
    return _weight(value, set(), 0)


def _weight(value: Any, seen: set[int], depth: int) -> int:
    if id(value) in seen or depth >= DEEPEST:
        return 0
    seen.add(id(value))
    if isinstance(value, str | bytes | bytearray | Secret):
        return 1 + len(value)
    if isinstance(value, (Limits, *_LEAVES)) or callable(value):
        return 1
    if isinstance(value, Mapping):
        return 1 + sum(2 + _weight(k, seen, depth + 1) + _weight(v, seen, depth + 1) for k, v in value.items())
    if isinstance(value, tuple | list | set | frozenset | deque):
        return 1 + sum(1 + _weight(item, seen, depth + 1) for item in value)
    if isinstance(value, Element):
        return sum(1 + len(each.tag) + len(each.text or "") + len(each.attrib) for each in value.iter())
    names = {name for base in type(value).__mro__ for name in getattr(base, "__slots__", ())}
    parts = [getattr(value, name) for name in names if hasattr(value, name)] + [
        *getattr(value, "__dict__", {}).values()
    ]
    return 1 + sum(_weight(part, seen, depth + 1) for part in parts)


def uncited(value: Any, cites: frozenset[Cite], depth: int = 0) -> list[str]:
    """Everything in an answer that has cites, and has none or others than those that were given."""
    if isinstance(value, _LEAVES) or depth >= DEEPEST:
        return []
    if isinstance(value, Mapping):
        return [wrong for item in value.values() for wrong in uncited(item, cites, depth + 1)]
    if isinstance(value, tuple | list | set | frozenset) and not hasattr(value, "_fields"):
        return [wrong for item in value for wrong in uncited(item, cites, depth + 1)]
    if not dataclasses.is_dataclass(value):
        return []
    own = getattr(value, "cites", None)
    wrong = [] if own is None or (own and cites.issuperset(own)) else [type(value).__name__]
    for field in dataclasses.fields(value):
        wrong += uncited(getattr(value, field.name), cites, depth + 1)
    return wrong
