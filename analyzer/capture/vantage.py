"""Which captures are one vantage point: rotated files in sequence, or what the user says.

Each interface of a pcapng is one of its own. Plain captures are one each, except that files of one link type and
interface name whose times do not overlap are one vantage point in sequence. So are the interfaces of one name of files
with the same several interfaces; where the times of such files overlap, they are other machines' interfaces.
"""

from collections.abc import Sequence
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

from analyzer.capture.inputs import is_pipe
from analyzer.capture.reader import open_capture
from analyzer.capture.sources import CaptureInfo, CaptureProblem, SourceTable
from analyzer.core.each import Each, in_turn
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits


@frozen
class Grouping:
    """`names`: the vantage point of each capture that is one. `prefixes`: what tells the interfaces of another one from
    those of the same name that a third one has. By path."""

    names: dict[str, str]
    prefixes: dict[str, str]


@frozen
class _Span:
    path: str
    kind: tuple[tuple[int, ...], tuple[str, ...]]  # link types and interface names
    first_ns: int
    last_ns: int

    @property
    def interfaces(self) -> tuple[str, ...]:
        """The names of its interfaces."""
        return self.kind[1]


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


def group(paths: Sequence[str], named: Sequence[tuple[str, str]], limits: Limits, each: Each = in_turn) -> Grouping:
    """The vantage points of captures; one that is missing in `names` keeps an own one for each of its interfaces."""
    vantages: dict[str, str] = {}
    for path in paths:
        for name, pattern in named:
            if _fits(path, pattern):
                vantages.setdefault(path, name)
    rest = [path for path in paths if path not in vantages and not is_pipe(path)]
    chains = _chains(rest, limits, each) if len(rest) > 1 else []
    single = [chain for chain in chains if len(chain[0].interfaces) == 1]
    several = [chain for chain in chains if len(chain[0].interfaces) > 1]
    names = zip(single, _names([_name(chain[0]) for chain in single], single), strict=True)
    vantages |= {span.path: name for chain, name in names for span in chain}
    prefixes = zip(several, _names([_stem(chain[0]) for chain in several], several), strict=True)
    alike = {span.path: prefix for chain, prefix in prefixes if _shared(chain, several) for span in chain}
    return Grouping(vantages, alike)


def _shared(chain: list[_Span], chains: list[list[_Span]]) -> bool:
    """Whether another sequence has an interface of a name that this one has."""
    own = set(chain[0].interfaces)
    return any(other is not chain and own & set(other[0].interfaces) for other in chains)


def _names(names: Sequence[str], chains: Sequence[list[_Span]]) -> list[str]:
    """The names, or where two are one the path of the first file."""
    return [name if names.count(name) == 1 else chain[0].path for name, chain in zip(names, chains, strict=True)]


def _chains(paths: Sequence[str], limits: Limits, each: Each) -> list[list[_Span]]:
    """Files in sequence, by time."""
    spans: list[_Span] = []
    for path, info in zip(paths, each(partial(scan, limits=limits), paths), strict=True):
        if info is None or info.first_ns is None or info.last_ns is None:
            continue
        kind = (tuple(info.link_types), tuple(info.interfaces))
        spans.append(_Span(path, kind, info.first_ns, info.last_ns))
    chains: list[list[_Span]] = []
    for span in sorted(spans, key=lambda span: (span.first_ns, span.path)):
        fitting = [chain for chain in chains if chain[-1].kind == span.kind and chain[-1].last_ns < span.first_ns]
        if fitting:
            fitting[0].append(span)
        else:
            chains.append([span])
    return chains


def _stem(first: _Span) -> str:
    return Path(first.path).name.split(".")[0]


def _name(first: _Span) -> str:
    interface = first.interfaces[0]
    return f"{_stem(first)}:{interface}" if interface else _stem(first)
