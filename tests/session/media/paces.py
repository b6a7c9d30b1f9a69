"""Streams as their paces show them, made by the rules of RFC 3550 5.1, and what a relay makes of one."""

from dataclasses import dataclass, field, replace
from random import Random

import numpy as np

from analyzer.session.media.pace import MARKER, ROW, Pace, Paced, pack

MS = 1_000


@dataclass(frozen=True, slots=True)
class Sent:
    """A packet: when it arrived, microseconds; its sequence number, timestamp, payload size and marker."""

    us: int
    number: int
    stamp: int
    size: int = 160
    marker: bool = False


@dataclass(slots=True)
class Speech:
    """Someone who speaks G.711 in packets of 20 ms; `jitter_us` is what the network adds, `pauses` breaks speech up."""

    draw: Random
    start_us: int = 1_000_000
    jitter_us: int = 0
    pauses: bool = False
    sizes: bool = False  # a codec of variable rate
    number: int = field(init=False)
    stamp: int = field(init=False)

    def __post_init__(self) -> None:
        self.number, self.stamp = self.draw.getrandbits(16), self.draw.getrandbits(32)

    def packets(self, count: int = 250) -> list[Sent]:
        """The first packets: a marker begins each talk spurt (RFC 3551 4.1)."""
        sent, tick, fresh = [], 0, True
        for _ in range(count):
            if self.pauses and self.draw.random() < 0.1:
                tick, fresh = tick + self.draw.randrange(2, 9), True
            us = self.start_us + tick * 20 * MS + self.draw.randrange(self.jitter_us + 1)
            size = self.draw.randrange(30, 80) if self.sizes else 160
            sent.append(Sent(us, self.number & 0xFFFF, self.stamp + tick * 160 & 0xFFFFFFFF, size, fresh))
            self.number, tick, fresh = self.number + 1, tick + 1, False
        return sent


def relayed(sent: list[Sent], draw: Random, *, tag: int = 0, noise_us: int = 100, anew: bool = False) -> list[Sent]:
    """The packets as a relay sends them on under numbers of its own: shifted by a constant, or (`anew`) its own clock's
    and counter's; `tag` bytes shorter."""
    number, stamp = draw.getrandbits(16), draw.getrandbits(32)
    out = []
    for at, one in enumerate(sent):
        us = one.us + 700 + draw.randrange(noise_us + 1)
        shifted = replace(one, us=us, size=one.size - tag, number=one.number + number & 0xFFFF)
        own = draw.randrange(1, 5_000) if anew else 0
        out.append(replace(shifted, stamp=one.stamp + stamp + own * at & 0xFFFFFFFF))
    return out


def rows(sent: list[Sent]) -> bytes:
    """What a batch gives to a pace."""
    made = np.zeros(len(sent), ROW)
    for row, one in zip(made, sent, strict=True):
        size = one.size | (MARKER if one.marker else 0)
        row["size"], row["number"], row["stamp"], row["tick"] = size, one.number, one.stamp, one.us // 16 & 0xFFFFFFFF
    return made.tobytes()


def paced(sent: list[Sent]) -> Paced:
    """The packets as they are compared."""
    pace = Pace()
    pace.add(rows(sent)[: pace.room * ROW.itemsize])
    if not pace.room:
        pack([pace])
    return pace.packets()
