"""The options of `analyze` and `live`, declared once. The heavy parts are imported inside the commands."""

from pathlib import Path
from typing import Annotated

import typer

Captures = Annotated[
    list[str], typer.Argument(help="Capture files, folders, globs, or - for standard input.", show_default=False)
]
OneCapture = Annotated[list[str], typer.Argument(help="The capture: one or several files, a folder, a glob, or -.")]
Keys = Annotated[
    list[Path],
    typer.Option(
        "--keys",
        help="Key file: NSS key log (SSLKEYLOGFILE), PEM private key, esp_sa table, rtpengine log, pcapng with "
        "secrets or YAML bundle. Repeatable.",
        show_default=False,
    ),
]
Trust = Annotated[
    list[Path],
    typer.Option(
        "--trust", help="Certificates to trust for signed identities: a file (PEM, DER) or a folder. Repeatable.",
        show_default=False,
    ),
]  # fmt: skip
Topology = Annotated[
    Path | None, typer.Option("--topology", help="Which addresses are what (see `topology init`).", show_default=False)
]
Rules = Annotated[
    list[str],
    typer.Option(
        "--rules", help="Rule file, folder or bundled pack. Repeatable; default: the bundled packs.", show_default=False
    ),
]
Profile = Annotated[str | None, typer.Option("--profile", help="Only rules of this profile.", show_default=False)]
OnlyRule = Annotated[list[str], typer.Option("--rule", help="Only this rule. Repeatable.", show_default=False)]
SkipRule = Annotated[list[str], typer.Option("--skip-rule", help="Not this rule. Repeatable.", show_default=False)]
Format = Annotated[
    list[str],
    typer.Option("--format", help="NAME or NAME=PATH. Repeatable; one may go to standard output.", show_default=False),
]
AcceptedFile = Annotated[
    Path | None,
    typer.Option("--accepted", help="Findings that are accepted, by whom and until when (YAML).", show_default=False),
]
Baseline = Annotated[
    Path | None, typer.Option("--baseline", help="Findings known before (`baseline write`).", show_default=False)
]
NewOnly = Annotated[bool, typer.Option("--new-only", help="With --baseline: only findings that it does not know.")]
FailOn = Annotated[
    str, typer.Option("--fail-on", help="Exit 1 at a finding this grave: info, low, medium, high, critical, never.")
]
FailOnOpen = Annotated[bool, typer.Option("--fail-on-open", help="Exit 4 if a verdict is open.")]
Strict = Annotated[bool, typer.Option("--strict", help="One unreadable capture among several is an error.")]
From = Annotated[str | None, typer.Option("--from", help="Only frames at or after this time (ISO 8601, UTC).")]
To = Annotated[str | None, typer.Option("--to", help="Only frames before this time (ISO 8601, UTC).")]
CallId = Annotated[str | None, typer.Option("--call", help="Only the call with this Call-ID or id.")]
Linger = Annotated[
    float, typer.Option("--linger", min=0, max=1e9, help="Seconds after its end until a call is judged.")
]
Vantage = Annotated[
    list[str], typer.Option("--vantage", help="NAME=GLOB: these captures are one vantage point.", show_default=False)
]
Reveal = Annotated[str | None, typer.Option("--reveal", help="'identities': show user parts and numbers as they are.")]
Files = Annotated[
    Path | None,
    typer.Option(
        "--files", help="Write the files that MSRP transfers (RFC 5547) into this folder. Without it none is written.",
        show_default=False,
    ),
]  # fmt: skip
Jobs = Annotated[
    str,
    typer.Option(
        "--jobs", metavar="N",
        help="Processes that work at once: with 2, one reads captures ahead of the one that judges; with more, several "
        "captures are looked through at once before. The report is the same.",
    ),
]  # fmt: skip
NoDecrypt = Annotated[
    bool, typer.Option("--no-decrypt", help="Open nothing: SRTP is told by its shape and the signalling, not its tags.")
]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colour (also: NO_COLOR in the environment).")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no remarks on standard error.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Also rules that passed or did not apply.")]
