"""mediasec decrypt and keys check: what keys open."""

from pathlib import Path
from typing import Annotated

import typer

from analyzer.cli import options as opt
from analyzer.cli.run_one import UNREADABLE, Progress, give_up, say

Out = Annotated[Path, typer.Option("-o", "--output", help="The pcapng to write; never over a file.")]
_OUTPUT_FAILED = 74


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
        f"{media.rtp} SRTP and {media.rtcp} SRTCP packets of {len(media.streams)} streams in clear",
        f"secrets of {done.tls_connections} TLS and DTLS connections inside",
    ]
    if media.closed:
        lines.append(f"{media.closed} packets of media with keys stay as they are: no key verifies them")
    if media.kept:
        lines.append(f"{media.kept} packets stay closed: their frames cannot be rewritten (IP fragments, AH)")
    for line in () if quiet else lines:
        say(line)
