"""mediasec: what a packet capture proves about the security of SIP and IMS conferencing.

    import analyzer

    report = analyzer.analyze("trace.pcapng", keys=["tls.keylog"], topology="net.topology.yaml")
    report.frames()["hops"]

What is named here is loaded when it is first used: the command starts without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from analyzer.core.version import __version__

if TYPE_CHECKING:
    from analyzer.app.python import CaptureProblem, Report, ReportError, WrongUse, analyze, read_report

__all__ = [
    "CaptureProblem",
    "Report",
    "ReportError",
    "WrongUse",
    "__version__",
    "analyze",
    "read_report",
]


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module("analyzer.app.python"), name)
    raise AttributeError(f"module 'analyzer' has no attribute '{name}'")
