"""The floors of a call: what the BFCP on its hops shows of each, once however many hops carry it."""

from collections.abc import Iterable, Sequence

from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.session.bound import BoundBfcp
from analyzer.session.floors import FloorBook, FloorControl
from analyzer.session.hops import HopFact


@frozen
class CallFloor:
    """One floor. `control` is the server's end that shows most of it, `labels` those of the media it governs."""

    conference_id: int
    floor_id: int
    labels: tuple[str, ...]
    hops: tuple[str, ...]
    control: FloorControl
    first: Cite


def call_floors(hops: Sequence[tuple[str, HopFact]], book: FloorBook) -> tuple[CallFloor, ...]:
    """The floors of a call's hops, by conference and floor id in the order in which they were first named."""
    found: dict[tuple[int, int], CallFloor] = {}
    for hop, fact in hops:
        for bound in fact.sessions:
            if not isinstance(bound, BoundBfcp):
                continue
            for conference in bound.session.conferences:
                control = book.get(bound.session.server, conference)
                for floor, first in control.floors.items() if control else ():
                    key = (conference, floor)
                    seen = CallFloor(conference, floor, bound.labels.get(floor, ()), (hop,), control, first)  # type: ignore[arg-type]  # there are floors
                    found[key] = together(found[key], seen) if key in found else seen
    return in_order(found.values())


def in_order(floors: Iterable[CallFloor]) -> tuple[CallFloor, ...]:
    """Floors as they were first named."""
    return tuple(sorted(floors, key=lambda each: (each.first.ts_ns, each.first.frame, each.floor_id)))


def together(one: CallFloor, two: CallFloor) -> CallFloor:
    """A floor that two hops show: the fuller account of it, seen on both."""
    fuller = two if _steps(two) > _steps(one) else one
    hops = tuple(dict.fromkeys((*one.hops, *two.hops)))
    first = min(one.first, two.first, key=lambda cite: (cite.ts_ns, cite.frame))
    return CallFloor(fuller.conference_id, fuller.floor_id, one.labels or two.labels, hops, fuller.control, first)


def _steps(floor: CallFloor) -> int:
    return sum(len(request.steps) for request in floor.control.of(floor.floor_id))
