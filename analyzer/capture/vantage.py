"""Which captures are one vantage point: rotated files in sequence, or what the user says.

Each interface of a pcapng is one of its own. Plain captures are one each, except that files of one link type and
interface name whose times do not overlap are one vantage point in sequence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from analyzer.capture.inputs import is_pipe
from analyzer.capture.reader import open_capture
from analyzer.capture.sources import CaptureInfo, CaptureProblem, SourceTable
from analyzer.core.limits import Limits


@dataclass(frozen=True, slots=True)
class _Span:
    path: str
    kind: tuple[object, ...]  # link types and interface names
    first_ns: int
    last_ns: int


def scan(path: str, limits: Limits) -> CaptureInfo | None:
    """A capture's interfaces and the span of its times; None if it cannot be read."""
    try:
        reader = open_capture(path, 0, SourceTable(), limits)
    except CaptureProblem:
        return None
    while reader.read_batch() is not None:
        pass
    reader.close()
    return reader.info


def unmatched(paths: Sequence[str], named: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The names whose glob fits no capture."""
    return [(name, glob) for name, glob in named if not any(_fits(path, glob) for path in paths)]


def _fits(path: str, glob: str) -> bool:
    return fnmatch(path, glob) or fnmatch(Path(path).name, glob)


def group(paths: Sequence[str], named: Sequence[tuple[str, str]], limits: Limits) -> dict[str, str]:
    """The vantage point of each capture; one that is missing keeps an own one for each of its interfaces."""
    vantages: dict[str, str] = {}
    for path in paths:
        for name, pattern in named:
            if _fits(path, pattern):
                vantages.setdefault(path, name)
    rest = [path for path in paths if path not in vantages and not is_pipe(path)]
    if len(rest) > 1:
        vantages |= _sequences(rest, limits)
    return vantages


def _sequences(paths: Sequence[str], limits: Limits) -> dict[str, str]:
    spans: list[_Span] = []
    for path in paths:
        info = scan(path, limits)
        if info is None or info.first_ns is None or info.last_ns is None or len(info.interfaces) != 1:
            continue  # several interfaces: each is a vantage point of its own
        spans.append(_Span(path, (info.link_types[0], info.interfaces[0]), info.first_ns, info.last_ns))
    chains: list[list[_Span]] = []
    for span in sorted(spans, key=lambda span: (span.first_ns, span.path)):
        fitting = [chain for chain in chains if chain[-1].kind == span.kind and chain[-1].last_ns < span.first_ns]
        if fitting:
            fitting[0].append(span)
        else:
            chains.append([span])
    return {span.path: _name(chain[0]) for chain in chains for span in chain}


def _name(first: _Span) -> str:
    interface = str(first.kind[1])
    stem = Path(first.path).name.split(".")[0]
    return f"{stem}:{interface}" if interface else stem
