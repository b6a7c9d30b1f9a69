"""Closed chats known again by sizes and times (hops.md section 4: MSRP, medium by size), and what is not like that."""

from dataclasses import dataclass, field
from itertools import combinations
from random import Random

import pytest

from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.session.message_pace import KEPT, PAIRS, MessagePaces
from tests.pipeline.wire import at, flow

NEAR = at("192.0.2.1", 50_000), at("192.0.2.2", 2855)
FAR = at("192.0.2.9", 2855), at("192.0.2.2", 50_001)  # the higher address first: who is who does not matter
SECOND_MS = 1_000

Said = tuple[int, bool, int]  # milliseconds, whether forth, bytes


def chat(draw: Random, count: int = 30, *, size: int | None = None, answers: bool = True) -> list[Said]:
    """Two people type: a SEND every few seconds, answered at once by a 200 of one size (RFC 4975 7.2)."""
    said, now = [], 10 * SECOND_MS
    for _ in range(count):
        now += draw.randrange(800, 6_000)
        forth = draw.random() < 0.5
        said.append((now, forth, size or draw.randrange(180, 420)))
        if answers:
            said.append((now + 4, not forth, 130))
    return said


@dataclass
class Hop:
    """What a hop makes of a chat: later, with paths of its own, under a cipher with its overhead."""

    later: int = 30
    longer: int = 40
    block: int = 1  # of the cipher
    jitter: int = 5
    draw: Random = field(default_factory=lambda: Random(5))

    def of(self, said: list[Said]) -> list[Said]:
        out = []
        for ms, forth, size in said:
            whole = -(-(size + self.longer) // self.block) * self.block
            out.append((ms + self.later + self.draw.randrange(self.jitter + 1), forth, whole))
        return sorted(out)


def paces(*sides: tuple[tuple[object, object], list[Said]], limits: Limits | None = None) -> MessagePaces:
    made = MessagePaces(limits or Limits())
    for ends, said in sides:
        for number, (ms, forth, size) in enumerate(said):
            src, dst = ends if forth else ends[::-1]
            made.note(0, flow(src, dst), size, Cite(0, number + 1, 0, 0, ms * 1_000_000))  # type: ignore[arg-type]  # addresses
    return made


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("hop", [Hop(), Hop(block=16), Hop(longer=-60), Hop(later=-120, jitter=20)])
def test_a_chat_passed_on_is_known_in_either_direction(seed: int, hop: Hop) -> None:
    """Constant overheads, a block cipher's padding, clocks that differ: correlation 0.95 or more (hops.md 4)."""
    said = chat(Random(seed))
    made = paces((NEAR, said), (FAR, hop.of(said)))
    for one, other in ((NEAR, FAR), (FAR, NEAR), (NEAR[::-1], FAR)):
        like = made.like(one, other)
        assert like is not None
        assert (like.by, 95 <= like.score <= 100) == ("shape", True)


def test_what_one_hop_has_alone_is_forgiven_within_reason() -> None:
    """The records of a handshake, and messages before the capture of one hop began."""
    said = chat(Random(1))
    shaken = [(ms, forth, 90) for ms, forth in ((9_000, True), (9_010, False), (9_020, False))]
    assert paces((NEAR, [*shaken, *said]), (FAR, Hop().of(said))).like(NEAR, FAR)
    assert paces((NEAR, said), (FAR, Hop().of(said)[16:])).like(NEAR, FAR)
    assert not paces((NEAR, said), (FAR, Hop().of([*said[::3]]) + chat(Random(9), 20))).like(NEAR, FAR)


def test_few_messages_say_nothing() -> None:
    said = chat(Random(2), PAIRS - 1, answers=False)
    assert paces((NEAR, said), (FAR, Hop().of(said))).like(NEAR, FAR) is None


def test_messages_of_one_size_say_nothing() -> None:
    """A file in chunks of 2048 bytes: any two such transfers are alike (RFC 4975 7.1.1)."""
    said = chat(Random(3), size=2_300)
    assert paces((NEAR, said), (FAR, Hop().of(said))).like(NEAR, FAR) is None


def test_a_rhythm_that_fits_several_ways_says_nothing() -> None:
    """The same four sizes over and over, every 200 ms: put together one round later, they fit as well."""
    said = [(10_000 + 50 * number, True, 200 + 40 * (number % 4)) for number in range(KEPT)]
    assert paces((NEAR, said), (FAR, Hop().of(said))).like(NEAR, FAR) is None


def test_what_is_sent_alike_both_ways_has_no_direction() -> None:
    """Either end could be either end."""
    said = [one for ms, _, size in chat(Random(4), answers=False) for one in ((ms, True, size), (ms + 1, False, size))]
    assert paces((NEAR, said), (FAR, Hop().of(said))).like(NEAR, FAR) is None


def test_hundreds_of_simultaneous_chats_stay_apart() -> None:
    """A wrong match is worse than none: each of 300 chats is like itself on its other hop, and like no other one."""
    sides = []
    for number in range(150):
        said = chat(Random(100 + number))
        sides.append(((at("192.0.2.1", 1_000 + number), NEAR[1]), said))
        sides.append(((at("192.0.2.2", 1_000 + number), FAR[0]), Hop().of(said)))
    made = paces(*sides)
    found = {
        (a // 2, b // 2)
        for (a, (one, _)), (b, (other, _)) in combinations(enumerate(sides), 2)
        if abs(a // 2 - b // 2) < 12 and made.like(one, other)
    }  # type: ignore[arg-type]  # addresses
    assert found == {(number, number) for number in range(150)}


def test_what_is_kept_is_bounded_and_that_is_said() -> None:
    made = MessagePaces(Limits(message_paces=2))
    said = [
        made.note(0, flow(at("192.0.2.1", port), NEAR[1]), 100, Cite(0, port, 0, 0, 0)) for port in (1, 2, 3, 4, 4, 4)
    ]
    assert len(made) == 2
    assert [[anomaly.kind.code for anomaly in each] for each in said] == [[], [], ["tls.paces_limit"], [], [], []]


def test_a_second_vantage_point_counts_nothing_twice() -> None:
    said = chat(Random(7))
    made = paces((NEAR, said), (FAR, Hop().of(said)))
    for number, (ms, forth, size) in enumerate(said):
        made.note(1, flow(*NEAR) if forth else flow(*NEAR[::-1]), size, Cite(1, number + 1, 0, 0, ms * 1_000_000))
    assert made.like(NEAR, FAR)
