"""What is being read: captures and their interfaces."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from analyzer.capture.batch import Source


class CaptureProblem(Exception):  # noqa: N818  # the house's word: a problem is the user's to solve
    """A capture that cannot be read at all: the user's mistake, in one sentence."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class SourceTable(Sequence[Source]):
    """Every interface of every capture of a run. Grows while captures are read; an index never changes."""

    def __init__(self) -> None:
        self._sources: list[Source] = []

    def add(self, source: Source) -> int:
        """Adds an interface and gives its index."""
        self._sources.append(source)
        return len(self._sources) - 1

    def __len__(self) -> int:
        return len(self._sources)

    def __iter__(self) -> Iterator[Source]:
        return iter(self._sources)

    def __getitem__(self, index: int) -> Source:  # type: ignore[override]  # no slices
        return self._sources[index]


@dataclass(slots=True)
class CaptureInfo:
    """One capture as the report shows it. Times are nanoseconds since the epoch, None while no frame was read."""

    index: int
    path: str
    format: str = ""
    sha256: str = ""
    frames: int = 0
    size: int = 0
    link_types: list[int] = field(default_factory=list)
    interfaces: list[str] = field(default_factory=list)
    first_ns: int | None = None
    last_ns: int | None = None
    truncated: bool = False
    dropped: int | None = None
    vantage: str = ""  # for all its interfaces; "" : each interface is one of its own
    prefix: str = ""  # tells its interfaces from those of the same name that another capture has

    def span(self, first_ns: int, last_ns: int) -> None:
        """Takes the times of frames."""
        self.first_ns = first_ns if self.first_ns is None else min(self.first_ns, first_ns)
        self.last_ns = last_ns if self.last_ns is None else max(self.last_ns, last_ns)

    def widen(self, other: "CaptureInfo") -> None:
        """Takes the times of the frames that another reader of the capture has read."""
        if other.first_ns is not None and other.last_ns is not None:
            self.span(other.first_ns, other.last_ns)
