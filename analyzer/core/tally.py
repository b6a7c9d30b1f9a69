"""Words from the wire, counted: those of a protocol are few, those of a flood are not."""

from collections import Counter

OTHERS = "other"


def count(counts: Counter[str], word: str, most: int) -> None:
    """Counts a word, the first `most` different ones each apart, all later ones together."""
    counts[word if word in counts or len(counts) < most else OTHERS] += 1
