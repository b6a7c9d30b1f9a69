"""Anomalies: what the wire or the capture did wrong, named, numbered and citable.

Every kind is defined once, beside the parser that finds it, by `define`. A parser returns `Anomaly` values; the
ledger of the pipeline counts them and keeps the first in full, so parsers do not limit themselves.
"""

from typing import Literal

from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.severity import Severity

Origin = Literal["wire", "capture", "internal"]


@frozen
class AnomalyKind:
    """A named way of being wrong: `code` is stable ("sip.content_length_mismatch"), `reference` an RFC clause."""

    code: str
    severity: Severity
    title: str
    reference: str
    origin: Origin


@frozen
class Anomaly:
    """One occurrence: the kind, the frames that show it, and a few words (already safe text) on the particulars."""

    kind: AnomalyKind
    cites: tuple[Cite, ...] = ()
    detail: str = ""


_REGISTRY: dict[str, AnomalyKind] = {}


def define(code: str, severity: Severity, title: str, reference: str = "", origin: Origin = "wire") -> AnomalyKind:
    """Registers a kind. A code that is taken with another meaning is a programming error."""
    kind = AnomalyKind(code, severity, title, reference, origin)
    if _REGISTRY.setdefault(code, kind) != kind:
        raise ValueError(f"anomaly code {code} is defined twice")
    return kind


def registry() -> dict[str, AnomalyKind]:
    """Every kind whose module has been imported, by code."""
    return dict(sorted(_REGISTRY.items()))
