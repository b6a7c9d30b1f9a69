"""What one run is asked to do, from whatever front end."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from analyzer.core.frozen import frozen


@frozen
class Settings:
    """The options of `analyze` and `live`, checked for form but not yet loaded."""

    captures: tuple[str, ...] = ()
    keys: tuple[Path, ...] = ()
    topology: Path | None = None
    trust: tuple[Path, ...] = ()
    rules: tuple[str, ...] = ()
    profile: str | None = None
    only_rules: tuple[str, ...] = ()
    skip_rules: tuple[str, ...] = ()
    from_ns: int | None = None
    to_ns: int | None = None
    linger_ns: int | None = None
    vantages: tuple[tuple[str, str], ...] = ()  # (name, glob)
    reveal_identities: bool = False
    decrypt: bool = True
    every_place: bool = False  # open findings are told apart without a bound
    jobs: int = 1  # processes that work at once
    files: Path | None = None  # the folder that transferred files are written to


class Observer(Protocol):
    """Who watches a run."""

    def started(self, total_bytes: int) -> None:
        """Reading begins; 0: the size is not known."""

    def advanced(self, read_bytes: int) -> None:
        """So many stored bytes have been read, all captures together."""

    def remark(self, text: str) -> None:
        """A sentence for the user, about the run and not its results."""


class Silent:
    """Watches nothing."""

    def started(self, total_bytes: int) -> None:
        """See `Observer`."""

    def advanced(self, read_bytes: int) -> None:
        """See `Observer`."""

    def remark(self, text: str) -> None:
        """See `Observer`."""


@dataclass(slots=True)
class WrongUse(Exception):  # noqa: N818  # what it is, in the contract's words
    """The user's mistakes, all of them, one line each. Nothing has been read yet."""

    problems: list[str] = field(default_factory=list)
