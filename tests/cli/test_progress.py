"""The bar of long files: on a terminal's standard error, with no word that comes from a capture; nothing elsewhere."""

import io

import pytest

from analyzer.cli.run_one import Progress

MIB = 1024 * 1024


class Stream(io.StringIO):
    """A standard error that is a terminal, or is not."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(
    ("terminal", "quiet", "size", "shown"),
    [(True, False, 64, True), (True, False, 1, False), (True, True, 64, False), (False, False, 64, False)],
)
def test_the_bar_is_for_long_files_on_a_terminal(
    terminal: bool, quiet: bool, size: int, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Stream(terminal)
    monkeypatch.setattr("sys.stderr", stream)
    progress = Progress(quiet)
    progress.started(size * MIB)
    progress.advanced(size * MIB // 2)
    progress.close()
    assert ("reading" in stream.getvalue()) == bool(stream.getvalue()) == shown
