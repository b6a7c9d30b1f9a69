"""Frames whose ESP packet is replaced by what it carried, once a run knows the associations."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np

from analyzer.capture.batch import FrameBatch, Source
from analyzer.core.limits import Limits
from analyzer.crypto.esp import HEADER, Opened
from analyzer.net.decode import Decoder
from analyzer.net.layers import AH
from analyzer.net.packets import ESP
from analyzer.net.rewrite import with_protocol
from analyzer.pipeline.clear_window import ClearWindow
from analyzer.session.esp import structure
from analyzer.session.esp.table import Association

_DUMMY = 59  # RFC 4303 2.6


class ClearEsp:
    """Rewrites batches. In tunnel mode an IP packet in the IP packet is left."""

    def __init__(self, sources: Sequence[Source], associations: Iterable[Association], limits: Limits) -> None:
        self._decoder = Decoder(sources, limits)
        self._window = ClearWindow(sources, limits)
        self._known = {
            (one.src, one.dst, one.spi): one for one in associations if one.chosen is not None or one.layout is not None
        }
        self.opened = 0
        self.unsealed = 0  # of those: without the AH header, which is of what was there before
        self.kept = 0  # opened, but the frame around it cannot be rewritten

    def clear(self, batch: FrameBatch) -> Iterator[FrameBatch]:
        """Takes the next frames; gives those that are done, over buffers of their own."""
        if not self._known:
            yield batch
            return
        packets = self._decoder.decode(self._window.admit(batch))
        self._decoder.take_anomalies()
        rows = np.flatnonzero((packets.protocol == ESP) & (packets.missing == 0) & (packets.payload_length > HEADER))
        columns = (
            packets.src_hi, packets.src_lo, packets.dst_hi, packets.dst_lo, packets.payload_start,
            packets.payload_length,
        )  # fmt: skip
        for row, shi, slo, dhi, dlo, start, size in zip(
            rows.tolist(), *(column[rows].tolist() for column in columns), strict=True
        ):
            opened = self._open(shi << 64 | slo, dhi << 64 | dlo, packets.buffer[start : start + size].tobytes())
            if opened is None or opened.next_header == _DUMMY:
                continue
            if self._window.change(packets, row, partial(_replaced, size, opened)):
                self.opened += 1
                self.unsealed += bool(packets.layers[row] & AH)
            else:
                self.kept += 1
        yield from self._window.leaving()

    def rest(self) -> Iterator[FrameBatch]:
        """The capture has ended: the frames that were kept back."""
        return self._window.rest()

    def _open(self, src: int, dst: int, data: bytes) -> Opened | None:
        known = self._known.get((src, dst, int.from_bytes(data[:4], "big")))
        if known is None:
            return None
        if known.chosen is not None:
            found = known.chosen.opener.open(data, known.high)
        elif known.layout is not None:
            found = structure.read(data, known.layout)
        return found if isinstance(found, Opened) else None


def _replaced(size: int, opened: Opened, frame: bytes, link: int, at: int) -> bytes | None:
    return with_protocol(frame, link, at, size, opened.next_header, opened.payload)
