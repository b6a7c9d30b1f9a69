"""Every parser of `analyzer`, each once, and by what each of its properties is shown."""

from collections.abc import Iterator

from tests.properties.elsewhere import ELSEWHERE as ELSEWHERE
from tests.properties.files import FILES
from tests.properties.harness import PROPERTIES, Elsewhere, Not, Pieces, Shown, Stream, Whole
from tests.properties.messages import MESSAGES
from tests.properties.packets import PACKETS
from tests.properties.pieces import PIECES as PIECES
from tests.properties.probes import PROBES
from tests.properties.streams import STREAMS as STREAMS
from tests.properties.texts import TEXTS

WHOLE: tuple[Whole, ...] = (*TEXTS, *MESSAGES, *PACKETS, *PROBES, *FILES)
ALL: tuple[Whole | Stream | Pieces | Elsewhere, ...] = (*STREAMS, *WHOLE, *PIECES, *ELSEWHERE)
Cell = Not | Shown
_BLIND = "properties/test_whole.py::test_blind"


def cells(parser: Whole | Stream | Pieces | Elsewhere) -> dict[str, Cell]:
    """By property, the test that shows it, or why there is none."""
    if isinstance(parser, Elsewhere):
        return {name: getattr(parser, name) for name in PROPERTIES}
    file = {Whole: "test_whole", Stream: "test_stream", Pieces: "test_pieces"}[type(parser)]
    found: dict[str, Cell] = {name: Shown(f"properties/{file}.py::test_{name}") for name in PROPERTIES}
    if isinstance(parser, Whole):
        if isinstance(parser.blind, Not):
            found["blind"] = Not(f"{parser.blind.reason}; that what was read before does not show: {_BLIND}")
        own = {"accounted": parser.accounted, "cited": parser.cited}
        return found | {name: cell for name, cell in own.items() if isinstance(cell, Not | Shown)}
    if isinstance(parser, Pieces):
        return found | {"blind": parser.order, "accounted": parser.accounted}
    return found


def table() -> Iterator[tuple[str, dict[str, Cell]]]:
    """Each parser with its cells."""
    for parser in ALL:
        yield parser.names[0], cells(parser)
