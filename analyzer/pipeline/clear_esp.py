"""Frames whose ESP packet is replaced by what it carried, once a run knows the associations."""

from collections.abc import Iterable, Sequence

import numpy as np

from analyzer.capture.batch import FrameBatch, Source
from analyzer.core.limits import Limits
from analyzer.crypto.esp import HEADER, Opened
from analyzer.net.decode import Decoder
from analyzer.net.packets import ESP
from analyzer.net.rewrite import with_protocol
from analyzer.pipeline.clear_media import frame_of, with_frames
from analyzer.session.esp import structure
from analyzer.session.esp.table import Association

_DUMMY = 59  # RFC 4303 2.6


class ClearEsp:
    """Rewrites batches. In tunnel mode an IP packet in the IP packet is left."""

    def __init__(self, sources: Sequence[Source], associations: Iterable[Association], limits: Limits) -> None:
        self._sources = sources
        self._decoder = Decoder(sources, limits)
        self._known = {
            (one.src, one.dst, one.spi): one for one in associations if one.chosen is not None or one.layout is not None
        }
        self.opened = 0
        self.kept = 0  # opened, but the frame around it cannot be rewritten

    def clear(self, batch: FrameBatch) -> FrameBatch:
        """The batch, over a buffer of its own where frames of it changed."""
        if not self._known:
            return batch
        packets = self._decoder.decode(batch)
        self._decoder.take_anomalies()
        rows = np.flatnonzero((packets.protocol == ESP) & (packets.missing == 0) & (packets.payload_length > HEADER))
        columns = (
            packets.row, packets.src_hi, packets.src_lo, packets.dst_hi, packets.dst_lo,
            packets.payload_start, packets.payload_length,
        )  # fmt: skip
        changed: dict[int, bytes] = {}
        for row, at, shi, slo, dhi, dlo, start, size in zip(
            rows.tolist(), *(column[rows].tolist() for column in columns), strict=True
        ):
            data = packets.buffer[start : start + size].tobytes()
            opened = self._open(shi << 64 | slo, dhi << 64 | dlo, data)
            if opened is None or opened.next_header == _DUMMY:
                continue
            made = None
            if row not in packets.extra_cites:
                link, inside = self._sources[int(batch.source[at])].link_type, start - int(batch.start[at])
                made = with_protocol(frame_of(batch, at), link, inside, size, opened.next_header, opened.payload)
            if made is None:
                self.kept += 1
            else:
                changed[at] = made
                self.opened += 1
        return with_frames(batch, changed)

    def _open(self, src: int, dst: int, data: bytes) -> Opened | None:
        known = self._known.get((src, dst, int.from_bytes(data[:4], "big")))
        if known is None:
            return None
        if known.chosen is not None:
            found = known.chosen.opener.open(data, known.high)
        elif known.layout is not None:
            found = structure.read(data, known.layout)
        return found if isinstance(found, Opened) else None
