"""What a window knows does not depend on whether indices came one by one or in bulk."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analyzer.crypto.srtp.stream import Counts
from analyzer.crypto.srtp.window import Window


class _Model:
    """The last indices in the order in which they were noted; past twice the bound, back to the bound."""

    def __init__(self, bound: int) -> None:
        self.bound, self.seen, self.forgotten = bound, {}, -1

    def note(self, index: int, digest: int, counts: Counts) -> bool:
        counts.authenticated += 1
        if index in self.seen:
            counts.duplicates += self.seen[index] == digest
            counts.reused += self.seen[index] != digest
            return self.seen[index] == digest
        if index <= self.forgotten:
            counts.undecided += 1
            return True
        counts.distinct += 1
        self.seen[index] = digest
        if len(self.seen) > 2 * self.bound:
            gone = list(self.seen)[: -self.bound]
            self.forgotten = max(self.forgotten, *gone)
            for each in gone:
                del self.seen[each]
        return True


ONE = st.tuples(st.integers(0, 60), st.integers(0, 1))
RUN = st.lists(st.integers(1, 3), min_size=1, max_size=30)


@given(st.integers(1, 9), st.lists(st.one_of(ONE, RUN), max_size=25))
def test_bulk_and_single_notes_are_one(bound: int, steps: list[tuple[int, int] | list[int]]) -> None:
    window, model, counts, expected = Window(bound), _Model(bound), Counts(), Counts()
    highest = -1
    for step in steps:
        if isinstance(step, tuple):
            assert window.note(*step, counts) == model.note(*step, expected)
            highest = max(highest, step[0])
            continue
        indices = highest + np.cumsum(step)
        highest = int(indices[-1])
        window.extend(indices, indices.astype(np.uint64) % np.uint64(3))
        for index in indices.tolist():
            assert model.note(index, index % 3, Counts())
        assert window.highest == highest
    assert counts == expected
