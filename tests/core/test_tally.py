"""Words are counted apart up to a bound, and none is lost."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.tally import OTHERS, count


@given(st.lists(st.text("abc", max_size=3)), st.integers(0, 5))
def test_the_first_are_counted_apart_and_the_rest_together(words: list[str], most: int) -> None:
    counts: Counter[str] = Counter()
    for word in words:
        count(counts, word, most)
    apart = set(list(dict.fromkeys(words))[:most])
    assert {word: number for word, number in counts.items() if word != OTHERS} == {
        word: number for word, number in Counter(words).items() if word in apart
    }
    assert counts.total() == len(words)
