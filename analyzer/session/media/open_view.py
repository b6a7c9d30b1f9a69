"""A stream at one vantage point, while it is open: its sequence numbers as they come."""

from dataclasses import dataclass

from analyzer.core.cites import Cite
from analyzer.session.media.columns import CLOCKS
from analyzer.session.media.ranges import Ranges

_MAX_MISORDER = 100  # numbers that a packet may be late (RFC 3550 A.1)
_LATE = 32  # numbers behind the highest, 0.6 s of most audio: what a network repeats comes sooner
_STILL = (0.0,) * len(CLOCKS)


@dataclass(slots=True)
class OpenView:
    """What one vantage point has seen of a stream."""

    vantage: int
    ranges: Ranges
    first: bytes  # packed
    last: bytes
    last_seq: int
    last_ext: int
    last_ts: int
    last_ns: int
    last_ip_id: int
    top: int  # the highest number since the sequence began, or began anew
    packets: int = 0
    duplicates: int = 0
    mirrored: int = 0
    reordered: int = 0
    backward: int = 0  # steps to a lower number
    replayed: int = 0  # of the duplicates those that come so late that no network made them
    late_repeat: int | None = None  # the first number that came again so late
    replay: Cite | None = None  # its packet
    jitter: tuple[float, ...] = _STILL

    def follow(self, low: int, high: int) -> int:
        """Takes a run of numbers; says how many are new.

        New ones below the highest are reordered (RFC 4737 3.3), but for a jump back over more than that: the sequence
        began anew (RFC 3550 A.1).
        """
        late = min(high, self.ranges.high - _LATE) if self.ranges.count else low - 1
        new, top = self._late(low, late) if low <= late else 0, self.top
        if late < high:
            new += self.ranges.add(max(low, late + 1), high)
        if low <= top and top - low < _MAX_MISORDER:
            self.reordered += max(new - max(high - top, 0), 0)
            self.top = max(top, high)
        else:
            self.top = high
        return new

    def _late(self, low: int, high: int) -> int:
        """Numbers far behind the highest: those of them that were there already are sent again."""
        again = self.ranges.first_in(low, high)
        new = self.ranges.add(low, high)
        if self.ranges.approximate:
            return new
        self.replayed += high - low + 1 - new
        if self.late_repeat is None:
            self.late_repeat = again
        return new
