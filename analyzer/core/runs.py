"""Which bytes of something that comes in pieces, in any order, are there."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field


@dataclass(slots=True)
class Runs:
    """Disjoint runs of positions, 1-based, ends exclusive."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    overlaps: bool = False  # something came twice

    def __len__(self) -> int:
        return len(self.starts)

    def cover(self, first: int, last: int) -> None:
        """Notes that [first, last) is there."""
        starts, ends = self.starts, self.ends
        if ends and first >= ends[-1]:  # behind everything, as pieces in their order are
            if first == ends[-1]:
                ends[-1] = last
            else:
                starts.append(first)
                ends.append(last)
            return
        self.overlaps = self.overlaps or bisect_right(ends, first) < bisect_left(starts, last)
        low, high = bisect_left(ends, first), bisect_right(starts, last)
        if low < high:
            first, last = min(first, starts[low]), max(last, ends[high - 1])
        starts[low:high], ends[low:high] = [first], [last]

    def reach(self, last: int) -> bool:
        """Whether everything before `last` is there."""
        return self.starts == [1] and self.ends[0] >= last if self.starts else last <= 1

    def holes(self, end: int | None) -> list[tuple[int, int]]:
        """Missing ranges, inclusive; behind the last run only where the end (exclusive) is known."""
        edges = [1, *self.ends]
        gaps = [(edge, start - 1) for edge, start in zip(edges, self.starts, strict=False) if start > edge]
        if end is not None and end > edges[-1]:
            gaps.append((edges[-1], end - 1))
        return gaps
