"""What stands behind a report's statements: frames, sightings, needs."""

from analyzer.core.frozen import frozen
from analyzer.report.keys import entry
from analyzer.report.words import NeedWord


@frozen
class Cite:
    """A frame that opens in Wireshark, as proof."""

    capture: str = entry("id of the capture")
    interface: int = entry("0-based index among the capture's interfaces")
    frame: int = entry("1-based frame number in its capture")
    offset: int = entry("offset of the captured bytes in the (expanded) file")
    length: int = entry("captured length in bytes")
    note: str = entry("what the frame shows", optional=True, default="")


@frozen
class Sighting:
    """Where a hop or stream was seen: one vantage point."""

    capture: str = entry("id of the capture")
    interface: int = entry("0-based index among the capture's interfaces")
    zone: str | None = entry("zone of the vantage point, where known")
    first: int = entry("first frame")
    last: int = entry("last frame")
    packets: int = entry("packets seen here")


@frozen
class Need:
    """What would settle an open verdict."""

    kind: NeedWord = entry("what kind of thing is missing")
    what: str = entry("which one, in words")
