"""What is remembered of a text is what the function says of it."""

from analyzer.core.remembered import remembered


def test_a_text_is_read_once_and_a_long_one_each_time() -> None:
    read: list[str] = []

    @remembered
    def size(text: str) -> int:
        read.append(text)
        return len(text)

    assert [size("a"), size("bb"), size("a")] == [1, 2, 1]
    assert read == ["a", "bb"]
    long = "x" * 10_000
    assert [size(long), size(long)] == [10_000, 10_000]
    assert read == ["a", "bb", long, long]


def test_what_is_kept_is_bounded() -> None:
    read: list[str] = []
    note = remembered(read.append)
    for number in range(5_000):
        note(str(number))
    note("0")  # long forgotten
    assert len(read) == 5_001
