"""mediasec baseline: the findings of one run, for later runs to know."""

from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from analyzer.cli.run_one import give_up

baseline_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Known findings, for --baseline of later runs."
)

SavedReport = Annotated[Path, typer.Argument(help="A report saved with --format json=PATH.")]
Out = Annotated[Path, typer.Option("-o", "--output", help="The baseline to write.")]


@baseline_app.callback()
def _baseline() -> None:
    """A group, though it has one command."""


@baseline_app.command()
def write(report: SavedReport, output: Out) -> None:
    """Write the findings of a saved report as known ones, failed and open."""
    from analyzer.app.decision_files import baseline_of
    from analyzer.app.outputs import Output, write_outputs
    from analyzer.cli.concluding import saved_report

    data = baseline_of(saved_report(report).findings)

    def put(_name: str, out: BinaryIO, _terminal: bool) -> None:
        out.write(data)

    if problems := write_outputs([Output("baseline", output)], put):
        give_up(problems, 74)
