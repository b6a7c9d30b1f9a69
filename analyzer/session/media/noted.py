"""Rows of streams that wait to be verified, and the copies of their packets that libsrtp works on."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from analyzer.crypto.srtp.fast import Prepared
from analyzer.crypto.srtp.stream import PacketColumns
from analyzer.net.packets import PacketBatch
from analyzer.session.media.columns import Groups

I64 = npt.NDArray[np.int64]


@dataclass(slots=True)
class Noted:
    """Rows of one stream at one vantage point that are not verified yet."""

    packets: PacketBatch
    groups: Groups
    at: int
    base: int
    vantage: int
    position: int  # frames before the batch
    prepared: Prepared | None = None  # with packets of other streams
    first: int = 0  # where its own begin there
    cut: I64 = field(default_factory=lambda: np.empty(0, np.int64))  # those that the capture cut short, counted from it


def prepare(items: Sequence[Noted]) -> None:
    """Makes the packets of all items ready at once, batch by batch."""
    batches: dict[int, list[Noted]] = {}
    for item in items:
        batches.setdefault(id(item.packets), []).append(item)
    for members in batches.values():
        packets = members[0].packets
        rows = np.concatenate([item.groups.rows(item.at) for item in members])
        columns = PacketColumns(packets.buffer.data, packets.payload_start[rows], packets.payload_length[rows])
        prepared, cut, first = Prepared(columns), np.flatnonzero(packets.missing[rows]), 0
        for item in members:
            item.prepared, item.first = prepared, first
            first += item.groups.count[item.at]
            if len(cut):
                low, high = np.searchsorted(cut, (item.first, first)).tolist()
                item.cut = cut[low:high] - item.first
