"""Where the bundled sample lies: in a checkout, or in the installed package."""

from pathlib import Path

_HERE = Path(__file__).resolve().parent.parent


def sample(name: str) -> Path:
    """A file of samples/."""
    bundled = _HERE / "_bundled" / "samples" / name
    return bundled if bundled.is_file() else _HERE.parent / "samples" / name
