"""mediasec decrypt and keys check: what keys open."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analyzer.cli import options as opt
from analyzer.cli.run_one import UNREADABLE, Progress, color_wanted, give_up, run, say, settings_of, width

if TYPE_CHECKING:
    from rich.console import RenderableType

keys_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What keys open, and what stays closed.")

Out = Annotated[Path, typer.Option("-o", "--output", help="The pcapng to write; never over a file.")]
_OUTPUT_FAILED = 74


@keys_app.callback()
def _keys() -> None:
    """A group, though it has one command."""


@keys_app.command()
def check(
    capture: opt.OneCapture,
    keys: opt.Keys = [],  # noqa: B006  # typer copies defaults
    no_color: opt.NoColor = False,
    quiet: opt.Quiet = False,
) -> None:
    """List each key and what it opened, and each closed flow and what would open it."""
    from analyzer.export.key_coverage import closed_tables, keys_table, opened_by
    from analyzer.export.options import ExportOptions
    from analyzer.export.table import render

    report = run(settings_of(capture, keys, None), quiet).report
    assert report is not None
    terminal = sys.stdout.isatty()
    closed = list(closed_tables(report, terminal))
    shown: list[RenderableType] = [
        keys_table(report.keys, opened_by(report), terminal, "Keys")
        if report.keys
        else "No key was given, and none is in the capture.",
        *(closed or ("", "No TLS, DTLS, ESP or SRTP that was recognised is closed.")),
    ]
    print(render(iter(shown), ExportOptions(terminal, color_wanted(no_color), width())), end="")


def decrypt(
    captures: opt.Captures,
    output: Out,
    keys: opt.Keys = [],  # noqa: B006  # typer copies defaults
    quiet: opt.Quiet = False,
) -> None:
    """Write the same packets with what keys open in clear. SRTP as RTP; TLS with its secrets inside, for Wireshark."""
    from analyzer.app.decrypting import decrypt as write
    from analyzer.app.settings import WrongUse

    progress = Progress(quiet)
    try:
        done = write(captures, keys, output, progress)
    except WrongUse as wrong:
        give_up(wrong.problems)
    finally:
        progress.close()
    for problem in done.problems:
        say(f"mediasec: {problem}")
    if not done.captures:
        raise SystemExit(UNREADABLE)
    if done.failed:
        give_up([done.failed], _OUTPUT_FAILED)
    media = done.media
    lines = [
        f"{output}: {done.frames} frames",
        f"{media.rtp} SRTP and {media.rtcp} SRTCP packets of {media.streams} streams in clear",
        f"{done.esp} ESP packets and {done.dtls} DTLS records replaced by what they carried",
        f"secrets of {done.tls_connections} TLS and DTLS connections inside",
    ]
    if media.closed:
        lines.append(f"{media.closed} packets of media with keys stay as they are: no key verifies them")
    if media.unsealed:
        lines.append(f"{media.unsealed} packets without their AH or MESSAGE-INTEGRITY, which is of what was encrypted")
    if media.kept:
        lines.append(f"{media.kept} packets stay closed: their frames cannot be rewritten (docs/decrypt.md says which)")
    if done.forgotten:
        lines.append(
            f"the keys of {done.forgotten} media descriptions were more than are remembered: split the capture"
        )
    for line in () if quiet else lines:
        say(line)
