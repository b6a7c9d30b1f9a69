"""The command `mediasec`. Everything heavy is imported inside the commands, so that --help is quick."""

import gc
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from analyzer import __version__
from analyzer.cli.analyzing import analyze, demo, export
from analyzer.cli.baselines import baseline_app
from analyzer.cli.keys import decrypt, keys_app
from analyzer.cli.live import live
from analyzer.cli.ruling import rules_app, topology_app
from analyzer.cli.run_one import FAULT, say
from analyzer.cli.views import calls, hops, show, streams
from analyzer.core.faults import described

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="What a packet capture proves about the security of SIP and IMS conferencing.",
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"mediasec {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Options before any command."""
    del version


for command in (analyze, live, export, calls, hops, streams, show, decrypt, demo):
    app.command()(command)
app.add_typer(rules_app, name="rules")
app.add_typer(topology_app, name="topology")
app.add_typer(keys_app, name="keys")
app.add_typer(baseline_app, name="baseline")


def run() -> None:
    """The console script."""
    gc.set_threshold(200_000, 20, 100)  # modules and the engine's tables hold many objects and no cycles
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # else numpy starts threads, for what nothing here computes
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(concluded(app))


def concluded(command: Callable[[], object]) -> str | int | None:
    """The exit code of a command that ends by SystemExit; 74 where what it printed could not be written, 70 after a
    fault of this program that nothing contained: a traceback would end it with 1, which says that there are findings.
    """
    try:
        try:
            command()
        finally:
            sys.stdout.flush()
    except SystemExit as ended:
        return ended.code
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        say(f"mediasec: {error.filename or 'standard output'}: cannot be written ({error.strerror})")
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  # what is left in the old one would fail again at exit
        return 74
    except Exception as fault:  # noqa: BLE001  # whatever it is, it is ours, and the code must not say "findings"
        say(f"mediasec: a fault of this program ended it without a report: {described(fault)}")
        return FAULT
    return 0
