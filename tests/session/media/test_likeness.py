"""A stream known again behind a relay that hides every number: by constant offsets, or by its shape (hops.md 4).

What is to be found follows from how the streams were made: one is the other's copy, or it is not. A wrong match is
worse than none.
"""

from random import Random

import numpy as np
import pytest

from analyzer.session.media.likeness import PAIRS, Likeness, likeness
from analyzer.session.media.pace import Paced
from tests.session.media.paces import MS, Sent, Speech, paced, relayed

Sides = tuple[list[Paced], list[Paced]]


def both_ways(
    draw: Random, *, jitter_us: int = 3 * MS, tag: int = 10, anew: bool = False, count: int = 250, **speech: bool
) -> Sides:
    """A call on two hops: each end's packets, and the relay's of them. What it sends on to the core has no tag."""
    near, far = (Speech(draw, 1_000_000 + 3_000 * n, jitter_us, **speech).packets(count) for n in range(2))
    ours, theirs = near, relayed(near, draw, tag=tag, anew=anew)
    ours_back, theirs_back = relayed(far, draw, tag=-tag, anew=anew), far
    return [paced(ours), paced(ours_back)], [paced(theirs), paced(theirs_back)]


@pytest.mark.parametrize("seed", range(5))
def test_constant_offsets_and_the_unevenness_of_arrival(seed: int) -> None:
    """G.711 without pauses, every header new: what is left is when the packets come."""
    ours, theirs = both_ways(Random(seed))
    assert likeness(ours, theirs) == Likeness("offsets", 100)


@pytest.mark.parametrize("seed", range(5))
def test_pauses_are_enough_where_nothing_is_uneven(seed: int) -> None:
    """Timestamps jump and markers are set at the same packets (RFC 3551 4.1), whatever the other direction does."""
    (ours, _), (theirs, _) = both_ways(Random(seed), jitter_us=0, pauses=True)
    assert likeness([ours], [theirs]) == Likeness("offsets", 100)


def test_a_stream_without_any_unevenness_says_nothing() -> None:
    """Any two streams of one codec have numbers and timestamps a constant apart, at whatever packet one begins."""
    assert likeness(*both_ways(Random(1), jitter_us=0)) is None


def test_unevenness_needs_a_third_stream_that_does_not_share_it() -> None:
    """Where the capturing machine stalls, all streams are late together."""
    draw = Random(2)
    (ours, back), (theirs, theirs_back) = both_ways(draw)
    assert likeness([ours], [theirs]) is None
    late = [draw.randrange(3 * MS) for _ in range(250)]
    shared = [paced([Sent(one.us + late[n], one.number, one.stamp) for n, one in enumerate(Speech(draw).packets())])
              for _ in range(4)]  # fmt: skip
    assert likeness(shared[:2], shared[2:]) is None
    assert likeness([ours, back], [theirs, theirs_back]) is not None


@pytest.mark.parametrize("lost", [3, 5, 20])
def test_what_gets_lost_between_makes_no_difference(lost: int) -> None:
    draw = Random(lost)
    near, far = (Speech(draw, jitter_us=3 * MS).packets() for _ in range(2))
    on = [one for n, one in enumerate(relayed(near, draw, tag=10)) if n % lost]
    assert likeness([paced(near), paced(relayed(far, draw))], [paced(on), paced(far)]) == Likeness("offsets", 100)


def test_a_few_packets_that_differ_lower_the_score() -> None:
    """A relay that puts its own sound into some packets; more than one in twenty are no stream passed on."""
    draw = Random(4)
    near = Speech(draw, jitter_us=0, pauses=True).packets()
    on = relayed(near, draw)

    def with_odd(count: int) -> Paced:
        odd = set(draw.sample(range(len(on)), count))
        return paced([Sent(o.us, o.number, o.stamp, 20 if n in odd else o.size, o.marker) for n, o in enumerate(on)])

    assert likeness([paced(near)], [with_odd(10)]) == Likeness("offsets", 96)  # 240 of 250
    assert likeness([paced(near)], [with_odd(25)]) is None


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("tag", [0, 10, 20])
def test_sizes_in_their_order_where_no_number_matches(seed: int, tag: int) -> None:
    """Access length less tag and MKI against core length: sizes differ by the same, packet by packet."""
    ours, theirs = both_ways(Random(seed), sizes=True, tag=tag, anew=True)
    assert likeness(ours, theirs) == Likeness("shape", 100)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("lost", [7, 20, 60])
def test_sizes_by_their_times_where_packets_get_lost_between(seed: int, lost: int) -> None:
    """Behind a loss every packet is at another place, whichever tap it is behind; when it comes is the same."""
    draw = Random(seed)
    near, far = (Speech(draw, 1_000_000 + 3_000 * n, 2 * MS, sizes=True).packets() for n in range(2))
    on = [one for n, one in enumerate(relayed(near, draw, tag=10, anew=True)) if n % lost != 3]
    back = relayed(far, draw, tag=-10, anew=True)
    seen = [one for n, one in enumerate(back) if n % lost != 5]
    assert likeness([paced(near), paced(seen)], [paced(on), paced(far)]) == Likeness("shape", 100)


def test_one_recording_and_lost_packets_name_no_direction() -> None:
    draw = Random(7)
    near = Speech(draw, sizes=True).packets()
    on, twin = ([one for n, one in enumerate(relayed(near, draw, anew=True)) if n % lost] for lost in (9, 7))
    assert likeness([paced(near)], [paced(on)]) == likeness([paced(near)], [paced(twin)]) == Likeness("shape", 100)
    assert likeness([paced(near)], [paced(on), paced(twin)]) is None


def test_sizes_that_are_constant_prove_nothing() -> None:
    assert likeness(*both_ways(Random(3), anew=True)) is None


def test_sizes_alone_are_not_enough_without_the_times() -> None:
    """The same recording, played a while later."""
    draw = Random(6)
    near = Speech(draw, sizes=True).packets()
    on = relayed(near, draw, anew=True)
    assert likeness([paced(near)], [paced(on)]) == Likeness("shape", 100)
    later = [Sent(one.us + 600 * MS, one.number, one.stamp, one.size) for one in on]
    assert likeness([paced(near)], [paced(later)]) is None
    uneven = [Sent(one.us + draw.randrange(80 * MS), one.number, one.stamp, one.size) for one in on]
    assert likeness([paced(near)], [paced(sorted(uneven, key=lambda one: one.us))]) is None


def test_a_recording_that_both_ends_play_names_no_direction() -> None:
    """What is like two streams is like none: the same file, begun at the same moment, in both directions."""
    draw = Random(7)
    near = Speech(draw, sizes=True).packets()
    twin = [Sent(one.us + 100, one.number + 9 & 0xFFFF, one.stamp, one.size, one.marker) for one in near]
    assert likeness([paced(near)], [paced(relayed(near, draw)), paced(twin)]) is None


def test_few_packets_say_nothing() -> None:
    draw = Random(8)
    near = Speech(draw, sizes=True).packets(PAIRS - 1)
    assert likeness([paced(near)], [paced(relayed(near, draw))]) is None
    assert likeness([], [paced(near)]) is None


def test_hundreds_of_calls_with_losses_stay_apart() -> None:
    """Each is its own by the times of its packets, and never another's that is as loud as it."""
    draw = Random(11)
    calls = []
    for _ in range(120):
        near = Speech(draw, sizes=True, jitter_us=2 * MS).packets(150)
        on = [one for n, one in enumerate(relayed(near, draw, anew=True)) if n % 11 != 5]
        calls.append((paced(near), paced(on)))
    assert {likeness([near], [on]) for near, on in calls} == {Likeness("shape", 100)}
    assert {likeness([calls[n][0]], [calls[n - 1][1]]) for n in range(120)} == {None}


@pytest.mark.parametrize("kind", [{}, {"pauses": True}, {"sizes": True}, {"sizes": True, "anew": True}])
def test_hundreds_of_simultaneous_calls_stay_apart(kind: dict[str, bool]) -> None:
    """Calls of one codec that begin in the same moment: each is its own on the other hop, and never another's."""
    draw = Random(9)
    calls = [both_ways(draw, jitter_us=2 * MS, count=130, **kind) for _ in range(200)]
    own = [likeness(ours, theirs) for ours, theirs in calls[::20]]
    assert {found.by for found in own if found is not None} == ({"shape"} if "anew" in kind else {"offsets"})
    assert None not in own
    assert {likeness(calls[n][0], calls[n - 1][1]) for n in range(200)} == {None}


def test_hundreds_of_calls_of_one_machine_stay_apart() -> None:
    """A load generator: one loop sends every stream, so that all are late together, and the relay adds as little."""
    draw = Random(10)
    late = np.cumsum([draw.randrange(-2 * MS, 2 * MS) for _ in range(130)]).tolist()

    def stream() -> list[Sent]:
        sent = Speech(draw, 90_000_000).packets(130)
        return [Sent(one.us + late[n], one.number, one.stamp) for n, one in enumerate(sent)]

    calls = []
    for _ in range(120):
        near, far = stream(), stream()
        calls.append(([paced(near), paced(relayed(far, draw, noise_us=20))],
                      [paced(relayed(near, draw, noise_us=20)), paced(far)]))  # fmt: skip
    assert {likeness(calls[n][0], calls[n - 1][1]) for n in range(120)} == {None}
