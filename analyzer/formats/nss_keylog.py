"""Key log (SSLKEYLOGFILE, RFC 9850): secrets of TLS and DTLS by client random. Problems carry their line."""

import io
import re
from collections.abc import Iterator

from analyzer.core.frozen import frozen
from analyzer.core.secrets import Secret
from analyzer.core.text import safe

LABELS = frozenset(
    {
        "CLIENT_RANDOM",
        "CLIENT_EARLY_TRAFFIC_SECRET",
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
        "EARLY_EXPORTER_SECRET",
        "EXPORTER_SECRET",
        "RSA",
        "PMS_CLIENT_RANDOM",
    }
)
_LABEL = re.compile(r"[A-Z]+(_[A-Z]+)+(_\d{1,3})?")  # what a label looks like: anything else may be a misplaced secret
BOM = b"\xef\xbb\xbf"  # editors on Windows begin UTF-8 with it
_SECRET_BYTES = {"CLIENT_RANDOM": (48, 48), "RSA": (48, 48)}


@frozen
class LogSecret:
    """One line: the label, the client random it belongs to (for RSA: the start of the encrypted premaster)."""

    label: str
    client_random: bytes
    secret: Secret
    line: int


@frozen
class LogOther:
    """A line in order whose label is for other uses (QUIC, ECH, secrets behind a KeyUpdate): labels are a registry."""

    label: str


@frozen
class LogProblem:
    """A line that is not understood."""

    line: int
    message: str


def _hex(text: bytes) -> bytes | None:
    if not text or len(text) % 2 or text.translate(None, b"0123456789abcdefABCDEF"):
        return None
    return bytes.fromhex(text.decode("ascii"))


def looks_like(data: bytes) -> bool:
    """Whether the first line with content is one of a key log."""
    for line in data[:65_536].removeprefix(BOM).split(b"\n"):
        words = line.split()
        if words and not words[0].startswith(b"#"):
            other = isinstance(parse_line(line, 1), LogOther)
            return other or (words[0].decode("ascii", "replace") in LABELS and len(words) == 3)
    return False


def parse_line(line: bytes, number: int) -> LogSecret | LogOther | LogProblem | None:
    """One line; None for a blank or a comment."""
    words = line.split()
    if not words or words[0].startswith(b"#"):
        return None
    label = words[0].decode("ascii", "replace")
    if label not in LABELS and not (_LABEL.fullmatch(label) and len(words) == 3):
        return LogProblem(number, f"unknown label {safe(label, 40)}" if _LABEL.fullmatch(label) else "unknown label")
    if len(words) != 3:
        return LogProblem(number, f"{label}: expected two hexadecimal values, got {len(words) - 1}")
    context, secret = _hex(words[1]), _hex(words[2])
    if context is None or secret is None:
        return LogProblem(number, f"{label}: a value is not hexadecimal")
    low, high = _SECRET_BYTES.get(label, (1, 64))
    if not low <= len(secret) <= high:
        return LogProblem(number, f"{label}: a secret of {len(secret)} bytes")
    if label != "RSA" and len(context) != 32:
        return LogProblem(number, f"{label}: a client random of {len(context)} bytes, not 32")
    if label not in LABELS:
        return LogOther(label)
    return LogSecret(label, context, Secret(secret), number)


def parse(data: bytes) -> Iterator[LogSecret | LogOther | LogProblem]:
    """Every line of a key log."""
    for number, line in enumerate(io.BytesIO(data.removeprefix(BOM)), 1):
        parsed = parse_line(line, number)
        if parsed is not None:
            yield parsed
