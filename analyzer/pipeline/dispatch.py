"""Which protocol is this? Hold, probe, replay: for each direction of each TCP stream.

Bytes are held until a probe claims them (the highest priority wins), then replayed into its parser. A stream whose
start was not captured, or that nobody claims, is probed again at later segment starts until `GIVE_UP_BYTES` have
passed; then it is left alone.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from analyzer.core.addresses import Endpoints
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.transport.cited import Chunk, Gap
from analyzer.transport.parser import StreamParser

HOLD_BYTES = 4_096
GIVE_UP_BYTES = 262_144

Probe = Callable[[bytes], int]


@frozen
class StreamProtocol:
    """A protocol that may run on a stream: how to tell, how to read."""

    name: str
    probe: Probe
    parser: Callable[[], StreamParser]


@dataclass(slots=True)
class _Direction:
    protocol: str = ""
    parser: StreamParser | None = None
    held: list[Chunk] = field(default_factory=list)
    held_bytes: int = 0
    passed_bytes: int = 0
    given_up: bool = False


@frozen
class Parsed:
    """Events of one protocol, in stream order."""

    protocol: str
    events: Sequence[Any]


class StreamDispatcher:
    """One per kind of stream (TCP, or the plaintext of TLS). Keys are (vantage, direction)."""

    def __init__(self, protocols: Sequence[StreamProtocol], limits: Limits) -> None:
        self._protocols = protocols
        self._limits = limits
        self._directions: dict[tuple[int, Endpoints], _Direction] = {}

    def protocol_of(self, vantage: int, endpoints: Endpoints) -> str:
        """What a direction was found to carry, "" if not (yet) known."""
        direction = self._directions.get((vantage, endpoints))
        return direction.protocol if direction else ""

    def parser_of(self, vantage: int, endpoints: Endpoints) -> StreamParser | None:
        """The parser that reads a direction."""
        direction = self._directions.get((vantage, endpoints))
        return direction.parser if direction else None

    def chunk(self, vantage: int, endpoints: Endpoints, chunk: Chunk) -> Iterable[Parsed]:
        """Takes the next bytes of a direction."""
        direction = self._directions.setdefault((vantage, endpoints), _Direction())
        if direction.parser is not None:
            yield Parsed(direction.protocol, direction.parser.receive(chunk))
            return
        if direction.given_up:
            return
        direction.held.append(chunk)
        direction.held_bytes += len(chunk.data)
        yield from self._decide(direction, self.protocol_of(vantage, endpoints.reverse))

    def _decide(self, direction: _Direction, peer: str) -> Iterable[Parsed]:
        data = b"".join(chunk.data for chunk in direction.held)[:HOLD_BYTES]
        scores = [(protocol.probe(data), protocol) for protocol in self._protocols]
        best = max((score for score, _ in scores), default=-1)
        if best == 0 and direction.held_bytes < HOLD_BYTES:
            return
        if best > 0:
            winners = [protocol for score, protocol in scores if score == best]
            chosen = next((protocol for protocol in winners if protocol.name == peer), winners[0])
            direction.protocol, direction.parser = chosen.name, chosen.parser()
            held, direction.held = direction.held, []
            for chunk in held:
                yield Parsed(direction.protocol, direction.parser.receive(chunk))
            return
        direction.passed_bytes += direction.held_bytes
        direction.held, direction.held_bytes = [], 0
        direction.given_up = direction.passed_bytes >= GIVE_UP_BYTES

    def gap(self, vantage: int, endpoints: Endpoints, gap: Gap) -> Iterable[Parsed]:
        """Bytes are missing in a direction."""
        direction = self._directions.get((vantage, endpoints))
        if direction is None:
            return
        if direction.parser is not None:
            yield Parsed(direction.protocol, direction.parser.gap(gap))
        else:
            direction.passed_bytes += direction.held_bytes
            direction.held, direction.held_bytes = [], 0

    def close(self, vantage: int, endpoints: Endpoints) -> Iterable[Parsed]:
        """A direction has ended."""
        direction = self._directions.pop((vantage, endpoints), None)
        if direction is not None and direction.parser is not None:
            yield Parsed(direction.protocol, direction.parser.close())

    def finish(self) -> Iterable[tuple[int, Endpoints, Parsed]]:
        """Closes every direction, in the order of first sight."""
        for vantage, endpoints in list(self._directions):
            for parsed in self.close(vantage, endpoints):
                yield vantage, endpoints, parsed
