"""Frames to packets, whole batches at a time: the usual rows at once, the odd ones layer by layer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.capture.batch import FrameBatch, Source
from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.net import usual
from analyzer.net.columns import ANY_IP, I64, Columns
from analyzer.net.fragments import Fragment, Reassembler, Whole, read_fragments
from analyzer.net.internet import InternetReader
from analyzer.net.ledger import Ledger
from analyzer.net.link import ETHERNET, KIND_AT, SLL, strip_link, strip_shims
from analyzer.net.packets import PacketBatch
from analyzer.net.vantages import VantageTable

Array = npt.NDArray[Any]
_WIDEST = 8  # bytes of the widest field read


class Decoder:
    """Turns frames into packets. Every frame yields a packet, is a fragment of one, or is counted in `undecoded`.

    `sources` may grow while the decoder runs. `vantages` is the table that `PacketBatch.vantage` indexes; it grows
    too. `undecoded` counts frames by (capture index, reason); fragments that still wait are counted by `finish`.
    """

    def __init__(self, sources: Sequence[Source], limits: Limits) -> None:
        self._sources = sources
        self._limits = limits
        self._ledger = Ledger(sources)
        self._vantages = VantageTable(sources, self._ledger, limits)
        # fragments may lie in what was put together from fragments around them: the outer ones come first, and each
        # depth has half of what is left of the budget
        self._levels = [
            Reassembler(self._ledger, limits, limits.fragment_bytes >> depth + 1)
            for depth in range(limits.decode_depth + 1)
        ]

    @property
    def vantages(self) -> list[str]:
        """The names of the vantage points, in the order of the frames that showed them."""
        return self._vantages.names

    @property
    def files(self) -> list[dict[str, None]]:
        """The captures of each vantage point, by path."""
        return self._vantages.files

    @property
    def undecoded(self) -> dict[tuple[int, str], int]:
        """Frames without a packet, by (capture index, reason)."""
        return self._ledger.undecoded

    def take_anomalies(self) -> list[Anomaly]:
        """The anomalies since the last call, in the order of their frames."""
        return self._ledger.take_anomalies()

    def finish(self) -> None:
        """Ends the run: fragments of packets that were never completed are announced and counted."""
        for level in self._levels:
            level.finish()
        self._ledger.announce()

    def decode(self, batch: FrameBatch) -> PacketBatch:
        """The packets of the batch, in the order of their frames."""
        self._ledger.begin(batch)
        vantage = self._vantages.number(batch)
        kinds = (KIND_AT[s.link_type] if s.link_type in (ETHERNET, SLL) else -1 for s in self._sources)
        of, present = usual.decode(batch, np.fromiter(kinds, np.int64))
        of["vantage"] = vantage
        buffer = batch.buffer
        odd = np.flatnonzero(~present)
        if len(odd):
            parts, buffer = self._odd(batch, odd, vantage)
            for part in parts:
                rows = part["row"]
                present[rows] = True
                for name, values in of.items():
                    if name != "vantage":
                        values[rows] = part["kind" if name == "protocol" else name].astype(values.dtype)
        self._ledger.announce()
        return self._packets(batch, buffer, of, present)

    def _odd(self, batch: FrameBatch, odd: I64, vantage: npt.NDArray[np.int32]) -> tuple[list[Columns], Array]:
        buffer = np.ascontiguousarray(batch.buffer)
        if len(buffer) < _WIDEST:
            buffer = np.concatenate([buffer, np.zeros(_WIDEST, np.uint8)])
        links = np.array([s.link_type for s in self._sources], np.int64)[batch.source[odd]]
        reader = InternetReader(self._ledger, self._limits)
        parts = []
        for link in sorted(set(links.tolist())):
            rows = odd[links == link]
            start = batch.start[rows].astype(np.int64)
            end = start + batch.captured[rows]
            lost = np.maximum(batch.wire[rows].astype(np.int64) - batch.captured[rows], 0)
            none = np.zeros(len(rows), np.int64)
            columns = Columns(
                buffer, row=rows, at=start, end=end, lost=lost, layers=none, depth=none, context=none,
                vantage=vantage[rows].astype(np.int64),
            )  # fmt: skip
            if strip_link(columns, link, self._ledger):
                strip_shims(columns, self._ledger, self._limits)
                parts.extend(reader.network(columns))
        held: list[Fragment] = []
        for depth, level in enumerate(self._levels):
            for part in reader.fragments:
                held.extend(read_fragments(part, self._ledger))
            reader.fragments.clear()
            if not held:
                break
            wholes = self._reassemble([f for f in held if f.depth == depth], level)
            held = [f for f in held if f.depth != depth]
            if wholes:
                buffer, columns = _append(buffer, wholes, vantage)
                parts.extend(reader.network(columns))
                for part in reader.fragments:  # a fragment of this depth again, without a tunnel between
                    self._ledger.drop_deep(part, part["depth"] <= depth)
        return parts, buffer

    def _reassemble(self, fragments: list[Fragment], level: Reassembler) -> list[Whole]:
        fragments.sort(key=lambda fragment: fragment.row)
        wholes = []
        for fragment in fragments:
            whole = level.feed(fragment)
            if whole is not None:
                self._ledger.extra[whole.row] = whole.cites[:-1]
                wholes.append(whole)
        return wholes

    def _packets(
        self, b: FrameBatch, buffer: Array, of: dict[str, Array], present: npt.NDArray[np.bool_]
    ) -> PacketBatch:
        extra: dict[int, tuple[Cite, ...]] = {}
        row = np.flatnonzero(present)
        if len(row) < len(b):
            b = b.take(row)
            of = {name: values[row] for name, values in of.items()}
        if self._ledger.extra:
            index = np.searchsorted(row, list(self._ledger.extra)).tolist()
            extra = dict(sorted(zip(index, self._ledger.extra.values(), strict=True)))
        return PacketBatch(
            buffer=buffer, row=row.astype(np.int32), ts_ns=b.ts_ns, source=b.source, frame=b.frame, offset=b.offset,
            captured=b.captured, extra_cites=extra, **of,
        )  # fmt: skip


def _append(buffer: Array, wholes: list[Whole], vantage: npt.NDArray[np.int32]) -> tuple[Array, Columns]:
    """A longer copy of the buffer with the packets behind it, and columns that stand at their IP headers."""
    content = b"".join(whole.packet for whole in wholes)
    sizes = np.array([len(whole.packet) for whole in wholes], np.int64)
    end = len(buffer) + np.cumsum(sizes)
    row = np.array([whole.row for whole in wholes], np.int64)
    columns = Columns(
        np.concatenate([buffer, np.frombuffer(content, np.uint8)]),
        row=row, at=end - sizes, end=end, kind=np.full(len(wholes), ANY_IP, np.int64),
        lost=np.array([whole.lost for whole in wholes], np.int64),
        layers=np.array([whole.layers for whole in wholes], np.int64),
        depth=np.array([whole.depth for whole in wholes], np.int64),
        context=np.array([whole.context for whole in wholes], np.int64),
        vantage=vantage[row].astype(np.int64),
    )  # fmt: skip
    return columns.buffer, columns
