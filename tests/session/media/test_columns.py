"""Rows of one stream are brought together by a hash, whatever bits of it others share."""

from itertools import groupby

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analyzer.session.media.columns import together

parts = st.sampled_from([0, 1, 0xFFFF])
hashes = st.builds(lambda high, next_, low: high << 48 | next_ << 32 | low, parts, parts, parts)


@given(st.lists(hashes, min_size=1, max_size=60))
def test_equal_hashes_follow_each_other_as_they_were(drawn: list[int]) -> None:
    """Hashes that differ in the first sixteen bits, in the next sixteen, or in the last alone."""
    order = together(np.array(drawn, np.uint64)).tolist()
    assert sorted(order) == list(range(len(drawn)))
    runs = [list(run) for _, run in groupby(order, key=drawn.__getitem__)]
    assert len(runs) == len(set(drawn))
    assert all(run == sorted(run) for run in runs)
