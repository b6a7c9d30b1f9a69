"""mediasec calls, hops, streams, show: looking at a capture."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analyzer.cli import options as opt
from analyzer.cli.run_one import color_wanted, give_up, run, settings_of, width

if TYPE_CHECKING:
    from analyzer.app.ladders import Ladder
    from analyzer.report.model import Report


_CALLS_DRAWN = 20


def _report(captures: list[str], keys: list[Path], topology: Path | None, quiet: bool, watch: Any = None) -> "Report":
    report = run(settings_of(captures, keys, topology), quiet, watch).report
    assert report is not None
    return report


def _print(tables: list[Any], no_color: bool) -> None:
    from analyzer.export.options import ExportOptions
    from analyzer.export.table import render

    color = color_wanted(no_color)
    print(render(iter(tables), ExportOptions(sys.stdout.isatty(), color, width())), end="")


def calls(
    capture: opt.OneCapture,
    keys: opt.Keys = [],  # noqa: B006  # typer copies defaults
    topology: opt.Topology = None,
    no_color: opt.NoColor = False,
    quiet: opt.Quiet = False,
) -> None:
    """The calls of a capture, one a row."""
    from analyzer.export.tables import calls_table

    _print([calls_table(_report(capture, keys, topology, quiet).calls, sys.stdout.isatty())], no_color)


def hops(
    capture: opt.OneCapture,
    keys: opt.Keys = [],  # noqa: B006  # typer copies defaults
    topology: opt.Topology = None,
    no_color: opt.NoColor = False,
    quiet: opt.Quiet = False,
) -> None:
    """The path of each call, drawn, and its hops. Who to whom, agreed, observed, protected or not."""
    from rich.text import Text

    from analyzer.export.path_view import path_view
    from analyzer.export.tables import hops_table

    report = _report(capture, keys, topology, quiet)
    drawn = {call.id: call for call in report.calls[:_CALLS_DRAWN]}
    of_call: dict[str, list[Any]] = {name: [] for name in drawn}
    for hop in report.hops:
        if hop.call in of_call:
            of_call[hop.call].append(hop)
    shown: list[Any] = []
    for name, call in drawn.items():
        shown += [*path_view(call, of_call[name], width()), Text("")]
    if len(report.calls) > _CALLS_DRAWN:
        shown.append(Text(f"{len(report.calls) - _CALLS_DRAWN} more calls are not drawn\n"))
    _print([*shown, hops_table(report.hops, sys.stdout.isatty())], no_color)


def streams(
    capture: opt.OneCapture,
    keys: opt.Keys = [],  # noqa: B006  # typer copies defaults
    topology: opt.Topology = None,
    no_color: opt.NoColor = False,
    quiet: opt.Quiet = False,
) -> None:
    """The media streams of a capture."""
    from analyzer.export.tables import streams_table

    _print([streams_table(_report(capture, keys, topology, quiet).streams, sys.stdout.isatty())], no_color)


def show(
    capture: opt.OneCapture,
    what: Annotated[
        str,
        typer.Argument(
            help="A call: its id (call-1) or Call-ID; an MSRP or BFCP session (msrp-1, bfcp-1). "
            "With --dissect: a frame number."
        ),
    ],
    keys: opt.Keys = [],  # noqa: B006  # typer copies defaults
    topology: opt.Topology = None,
    dissect: Annotated[bool, typer.Option("--dissect", help="tshark's dissection of the frame.")] = False,
    no_color: opt.NoColor = False,
    quiet: opt.Quiet = False,
) -> None:
    """The ladder and path of one call, with the protection of every hop. Or the ladder of one MSRP or BFCP session."""
    if dissect:
        _dissect(capture, what, keys)
        return
    from rich.text import Text

    from analyzer.app.ladders import draw, in_captures, sessions
    from analyzer.app.select import find_call
    from analyzer.export.ladder import ladder
    from analyzer.export.path_view import path_view

    drawn: dict[str, Ladder] = {}

    def watch(closed: Any) -> None:
        if closed.call_id is not None and what in (closed.call_id, closed.call.call_id, *closed.call.call_ids):
            drawn[closed.call_id] = draw(closed)

    outcome = run(settings_of(capture, keys, topology), quiet, watch)
    report = outcome.report
    assert report is not None
    assert outcome.engine is not None
    talks, sources = sessions(outcome.engine), outcome.engine.sources
    if what in talks:
        print("\n".join([what, *ladder(in_captures(talks[what], sources), width=width())]))
        return
    found = find_call(report, what)
    if found is None or found not in drawn:
        known = [*(call.id for call in report.calls), *talks][:20]
        problem = f"no call or session is called {what}; the capture has {', '.join(known) if known else 'no call'}"
        give_up([problem + ("; --dissect shows a frame" if what.isdecimal() else "")])
    picture = drawn[found]
    hops = [hop for hop in report.hops if hop.call == found]
    call = next(call for call in report.calls if call.id == found)
    print(f"{found}  Call-ID {', '.join(call.call_ids)}")
    print("\n".join(ladder(in_captures(picture.events, sources), picture.nodes, hops, width())))
    changes = [Text(f"  {outcome.engine.redactor.text(line)}") for line in picture.identities]
    identities = [Text("\nIdentities:"), *changes] if changes else []
    _print([*identities, Text("\nPath:"), *path_view(call, hops, width())], no_color)


def _dissect(captures: Sequence[str], what: str, keys: Sequence[Path]) -> None:
    from analyzer.app.dissect import NotAKeyLog, NoTshark, dissect

    capture = captures[0]
    if len(captures) > 1 or not what.isdecimal() or not Path(capture).is_file():
        give_up(["show --dissect takes a capture file and a frame number"])
    try:
        lines = dissect(capture, int(what), keys)
    except (NoTshark, NotAKeyLog) as wrong:
        give_up([str(wrong)])
    if not lines:
        give_up([f"{capture} has no frame {what}"])
    print("\n".join(lines))
