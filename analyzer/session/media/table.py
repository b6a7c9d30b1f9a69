"""Every RTP stream of a capture, accumulated from columns: no object and no loop per packet.

A batch's rows are grouped by (addresses, ports, SSRC, vantage point); what a group adds is computed for all groups at
once; then one short step per group updates its stream. Sequence numbers are kept as runs, so loss, duplicates and the
union over vantage points are exact. Streams are created in row order, and past `Limits.streams` the oldest makes room
at that very row: results do not depend on how rows are batched.
"""

from collections import Counter, OrderedDict, deque
from dataclasses import replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.net.packets import UDP, PacketBatch
from analyzer.session.media.closed import ClosedStreams, Taken
from analyzer.session.media.columns import CLOCKS, Groups, group_rtp, recognise
from analyzer.session.media.open_stream import OpenStream, record_of
from analyzer.session.media.open_view import OpenView
from analyzer.session.media.pace import Pace, pack
from analyzer.session.media.ranges import Ranges
from analyzer.session.media.record import StreamRecord
from analyzer.session.media.rtcp_flows import RtcpFlows
from analyzer.session.media.statistics import SAMPLE
from analyzer.session.media.trail import Trail
from analyzer.session.media.verifier import Verifier
from analyzer.session.media.zrtp import ZrtpFlows

I64 = npt.NDArray[np.int64]
_DECAY = 15 / 16
_MAX_SIZES = 64
_MAX_TYPES = 128
_MIRROR_NS = 1_000_000


Key = tuple[Endpoints, int]


class StreamTable:
    """Open streams by (endpoints, SSRC). `feed` in row order, `tick` with time, `finish` at the end."""

    def __init__(self, limits: Limits, verifier: Verifier | None = None) -> None:
        self._limits = limits
        self._verifier = verifier
        self._streams: OrderedDict[Key, OpenStream] = OrderedDict()
        self._to: dict[Address, dict[Key, None]] = {}
        self._from: dict[Address, dict[Key, None]] = {}
        self._taken_over: OrderedDict[Address, str] = OrderedDict()  # by which call
        self._recent: dict[Address, int] = {}  # latest packets of open streams, until the next one
        self._closed = ClosedStreams(limits)
        self.rtcp = RtcpFlows(limits, verifier.keys if verifier is not None else None)
        self._ordinal = 0
        self._full: list[Pace] = []  # that became so in this batch
        self._sampled: list[OpenStream] = []  # whose sample became full
        self.evicted = 0
        self.zrtp = ZrtpFlows(limits)

    def __len__(self) -> int:
        return len(self._streams)

    def feed(self, packets: PacketBatch, rows: I64) -> None:
        """Takes UDP rows whose first payload byte may be that of RTP or RTCP; what is neither is passed over."""
        found = recognise(packets, rows)
        self._feed_rtp(packets, found.rtp)
        for row in found.rtcp.tolist():
            self._feed_rtcp(packets, row)

    # -- RTP -----------------------------------------------------------------------------------------------------

    def _feed_rtp(self, packets: PacketBatch, rows: I64) -> None:
        if not len(rows):
            return
        self._recent.clear()
        groups = group_rtp(packets, rows)
        if self._crowded(groups.keys):
            groups = group_rtp(packets, rows, self._lives(groups, rows))
        mixed: dict[int, list[tuple[int, int]]] = {}
        for index, source, count in groups.contributors(packets):
            mixed.setdefault(index, []).append((source, count))
        trails: dict[int, Trail] = {}  # of the groups that are looked into; one that is let go has its own to the end
        for index in groups.in_row_order:
            stream = self._update(packets, groups, index, groups.keys[index])
            if stream.shown is not None and stream.shown.vantage == groups.vantage[index]:
                trails[index] = stream.trail
                for source, count in mixed.get(index, ()):
                    stream.mix(source, count, self._limits.contributors)
        for index, lot, packet in groups.low_lots():
            if index in trails:
                trails[index].draw(lot, packet)
        for index, number, packet in groups.miles():
            if index in trails:
                trails[index].pass_mile(number, packet)
        for stream in self._sampled:
            stream.summarise()
        pack(self._full)
        self._sampled.clear()
        self._full.clear()

    def _crowded(self, keys: list[Key]) -> bool:
        """Whether one of these streams has to make room for others before the last of its rows."""
        if len(self._streams) + len(keys) <= self._limits.streams:
            return False  # even if all are new
        here = set(keys)
        fresh = sum(key not in self._streams for key in here)
        excess = len(self._streams) + fresh - self._limits.streams
        return excess > len(self._streams) or not here.isdisjoint(islice(self._streams, max(0, excess)))

    def _lives(self, groups: Groups, rows: I64) -> I64:
        """For each row, how often its stream was begun among these rows: it may be let go, and begin anew."""
        numbers = {key: number for number, key in enumerate(dict.fromkeys(groups.keys))}
        of_group = np.array([numbers[key] for key in groups.keys])
        held, made = iter(self._streams), deque[int]()
        is_open = [key in self._streams for key in numbers]
        lives, room = [0] * len(numbers), self._limits.streams - len(self._streams)
        found = []
        for number in of_group[groups.of_rows(rows)].tolist():
            if not is_open[number]:
                if room > 0:
                    room -= 1
                else:
                    oldest = next(held, None)
                    gone = made.popleft() if oldest is None else numbers.get(oldest)
                    if gone is not None:
                        is_open[gone] = False
                made.append(number)
                is_open[number] = True
                lives[number] += 1
            found.append(lives[number])
        return np.array(found, np.int64)

    def _stream(self, key: Key) -> OpenStream:
        stream = self._streams.get(key)
        if stream is None:
            if len(self._streams) >= self._limits.streams:
                oldest = next(iter(self._streams))
                self._close(oldest)
                self.evicted += 1
            self._ordinal += 1
            stream = self._streams[key] = OpenStream(self._ordinal, key[1], key[0])
            stream.begun_by = self._taken_over.get(key[0].src) or self._taken_over.get(key[0].dst, "")
            self._to.setdefault(key[0].dst, {})[key] = None
            self._from.setdefault(key[0].src, {})[key] = None
        return stream

    def _update(self, packets: PacketBatch, groups: Groups, index: int, key: Key) -> OpenStream:
        stream = self._stream(key)
        count = groups.count[index]
        vantage = groups.vantage[index]
        view = stream.view(vantage)
        seq, ts, arrival = groups.first_seq[index], groups.first_ts[index], groups.first_ns[index]
        mirrored = False
        if view is None:
            base = self._base(stream, seq)
            first = groups.first[index]
            view = OpenView(
                vantage, Ranges(self._limits.sequence_ranges), first, first, seq, base, ts, arrival, -1, base - 1
            )
            stream.see(view)
            if stream.cut & 1 and not packets.missing[groups.first_row[index]]:
                stream.look_at(view)
        else:
            step = _signed16(seq - view.last_seq)
            base = view.last_ext + step
            view.backward += step < 0
            mirrored = step == 0 and self._mirrored(packets, groups.first_row[index], view)
            self._jitter_step(view, ts, arrival)
        view.packets += count
        if count > 1:
            decay = _DECAY ** (count - 1)
            view.jitter = tuple([old * decay + new for old, new in zip(view.jitter, groups.jitter[index], strict=True)])
        view.mirrored += mirrored
        if groups.contiguous[index]:
            last_ext = base + count - 1
            new = view.follow(base, last_ext)
            view.duplicates += count - new - mirrored
            if view.late_repeat is not None and view.replay is None:
                view.replay = _cite(packets, int(groups.rows(index)[view.late_repeat - base]))
        else:
            last_ext = self._irregular(packets, groups, index, base, view)
            view.duplicates -= mirrored  # its number was known, as that of any repeat
        view.last_ext = last_ext
        view.last_seq, view.last_ts = groups.last_seq[index], groups.last_ts[index]
        view.last_ns, view.last_ip_id = groups.last_ns[index], groups.last_ip_id[index]
        view.last = groups.last[index]
        stream.last_ns = max(stream.last_ns, view.last_ns)
        self._content(groups, index, stream)
        if view is stream.shown:  # one view: batches do not show
            if len(stream.sample) < SAMPLE:
                stream.cut |= groups.sample(index, stream.sample)
                if len(stream.sample) == SAMPLE:
                    self._sampled.append(stream)
            pace = stream.trail.pace
            if pace.room:
                pace.add(groups.pace(index, pace.room))
                if not pace.room:
                    self._full.append(pace)
        if self._verifier is not None:
            self._verifier.note(stream.ordinal, packets, groups, index, base)
        return stream

    @staticmethod
    def _base(stream: OpenStream, seq: int) -> int:
        """The extended number of a view's first packet, aligned with the views there are."""
        view = stream.main
        return seq + 65_536 if view is None else view.last_ext + _signed16(seq - view.last_seq)

    @staticmethod
    def _jitter_step(view: OpenView, ts: int, arrival: int) -> None:
        media = _signed32(ts - view.last_ts)
        sent, came = media * 1_000_000_000, arrival - view.last_ns
        steps = zip(view.jitter, CLOCKS, strict=True)
        view.jitter = tuple([old + (abs(came - sent / clock) - old) / 16 for old, clock in steps])

    @staticmethod
    def _mirrored(packets: PacketBatch, row: int, view: OpenView) -> bool:
        near = abs(int(packets.ts_ns[row]) - view.last_ns) < _MIRROR_NS
        return near and int(packets.ip_id[row]) == view.last_ip_id

    def _irregular(self, packets: PacketBatch, groups: Groups, index: int, base: int, view: OpenView) -> int:
        """A group with loss, reordering or repetition inside: number by number, in runs."""
        extended = (base + groups.relative(index)).tolist()
        rows = groups.rows(index).tolist()
        run_low = run_high = extended[0]
        begins = 0
        pending: list[tuple[int, int, int]] = []
        for at in range(1, len(extended)):
            number = extended[at]
            if number == run_high + 1:
                run_high = number
                continue
            view.backward += number < run_high and number != extended[at - 1]
            if number == extended[at - 1]:
                near = abs(int(packets.ts_ns[rows[at]]) - int(packets.ts_ns[rows[at - 1]])) < _MIRROR_NS
                mirrored = near and int(packets.ip_id[rows[at]]) == int(packets.ip_id[rows[at - 1]])
                view.mirrored += mirrored
                view.duplicates += not mirrored
                continue
            pending.append((run_low, run_high, begins))
            run_low = run_high = number
            begins = at
        pending.append((run_low, run_high, begins))
        for low, high, at in pending:
            new = view.follow(low, high)
            if view.late_repeat is not None and view.replay is None:
                view.replay = _cite(packets, rows[at + view.late_repeat - low])
            if new < high - low + 1:
                view.duplicates += high - low + 1 - new
        return int(extended[-1])

    def _content(self, groups: Groups, index: int, stream: OpenStream) -> None:
        if groups.one_type[index]:
            stream.payload_types.add(groups.first_type[index], groups.count[index], _MAX_TYPES)
        else:
            for kind, count in Counter(groups.types(index).tolist()).items():
                stream.payload_types.add(kind, count, _MAX_TYPES)
        if groups.one_size[index]:
            stream.sizes.add(groups.first_size[index], groups.count[index], _MAX_SIZES)
        else:
            for size, count in Counter(groups.sizes(index).tolist()).items():
                stream.sizes.add(size, count, _MAX_SIZES)
        stream.markers += groups.markers[index]
        stream.esp = min(stream.esp, groups.esp[index])

    # -- RTCP ----------------------------------------------------------------------------------------------------

    def _feed_rtcp(self, packets: PacketBatch, row: int) -> None:
        start, length = int(packets.payload_start[row]), int(packets.payload_length[row])
        data = packets.buffer[start : start + length].tobytes()
        position = int(packets.row[row]) + (self._verifier.batch_position if self._verifier is not None else 0)
        whole = not packets.missing[row]
        self.rtcp.feed(endpoints_of(packets, row), data, whole, _cite(packets, row), position)

    # -- closing -------------------------------------------------------------------------------------------------

    def begin_anew(self, call_id: str, address: Address) -> None:
        """A call has taken over an address from one that is over: what still comes there is another stream, even under
        the same SSRC."""
        self._taken_over[address] = call_id
        self._taken_over.move_to_end(address)
        if len(self._taken_over) > self._limits.streams:
            self._taken_over.popitem(last=False)
        for key in [*self._to.get(address, ()), *self._from.get(address, ())]:
            if key in self._streams and self._streams[key].begun_by != call_id:
                self._close(key, call_id)
        self.rtcp.begin_anew(call_id, address)

    def _close(self, key: Key, parted_by: str = "") -> None:
        stream = self._streams.pop(key)
        for index, end in ((self._to, key[0].dst), (self._from, key[0].src)):
            del index[end][key]
            if not index[end]:
                del index[end]
        verified = None
        if self._verifier is not None:
            sighted = sum([view.packets for view in stream.views()])
            verified = self._verifier.close(stream.ordinal, stream.endpoints, sighted)
        self.evicted += not self._closed.add(record_of(stream, verified, parted_by))

    def tick(self, now_ns: int) -> list[StreamRecord]:
        """Closes streams that have been idle; gives those that were let go and that no call has taken."""
        self._recent.clear()
        horizon = now_ns - self._limits.stream_idle_ns
        for key in [key for key, stream in self._streams.items() if stream.last_ns <= horizon]:
            self._close(key)
        return self._closed.purge(now_ns - self._limits.call_quiet_ns - self._limits.linger_ns)

    def finish(self) -> list[StreamRecord]:
        """Closes every stream; gives those that no call has taken."""
        for key in list(self._streams):
            self._close(key)
        return self._closed.purge(None)

    def take(self, address: Address, first_ns: int, last_ns: int) -> Taken:
        """Closes and gives the streams towards an address that overlap a span of time. They can be taken again."""
        for key in list(self._to.get(address, ())):
            self._close(key)
        taken = self._closed.take(address, first_ns, last_ns)
        self.evicted += not taken.whole
        return Taken([self._overtaken(record) for record in taken.records], taken.whole)

    def take_between(self, src: Address, dst: Address, first_ns: int, last_ns: int) -> Taken:
        """As `take`, from one address alone: other streams towards the same one go on."""
        fewest = min(self._from.get(src, {}), self._to.get(dst, {}), key=len)
        for key in [key for key in fewest if (key[0].src, key[0].dst) == (src, dst)]:
            self._close(key)
        taken = self._closed.take_between(src, dst, first_ns, last_ns)
        self.evicted += not taken.whole
        return Taken([self._overtaken(record) for record in taken.records], taken.whole)

    def claim(self, ordinal: int) -> None:
        """Says that a stream which was taken is a call's."""
        self._closed.claim(ordinal)

    def _overtaken(self, record: StreamRecord) -> StreamRecord:
        """A record that was closed before any key for it was known, under what is known now."""
        if self._verifier is None or record.verification is not None:
            return record
        late = self._verifier.overtaken(record.endpoints, record.ssrc)
        return record if late is None else replace(record, verification=late)

    def last_activity(self, address: Address) -> int:
        """Time of the latest packet towards an address in streams that are open or were let go lately, 0 if none."""
        closed_ns, keys = self._closed.last_activity(address), self._to.get(address)
        if not keys:
            return closed_ns
        if address not in self._recent:  # many calls may ask for the same one
            self._recent[address] = max(self._streams[key].last_ns for key in keys)
        return max(closed_ns, self._recent[address])


def endpoints_of(packets: PacketBatch, row: int) -> Endpoints:
    """Addresses and ports of a row."""
    src = int(packets.src_hi[row]) << 64 | int(packets.src_lo[row])
    dst = int(packets.dst_hi[row]) << 64 | int(packets.dst_lo[row])
    return Endpoints(Address(src, int(packets.sport[row])), Address(dst, int(packets.dport[row])), UDP)


def _cite(packets: PacketBatch, row: int) -> Cite:
    return Cite(
        int(packets.source[row]),
        int(packets.frame[row]),
        int(packets.offset[row]),
        int(packets.captured[row]),
        int(packets.ts_ns[row]),
    )


def _signed16(value: int) -> int:
    return (value + 0x8000 & 0xFFFF) - 0x8000


def _signed32(value: int) -> int:
    return (value + 0x80000000 & 0xFFFFFFFF) - 0x80000000
