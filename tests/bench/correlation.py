"""Legs put together into calls: CPU seconds, peak memory and right answers, for 10,000, 30,000 and 100,000 legs.

    python -m tests.bench.correlation [LEGS]

Every call has four legs under three Call-IDs: UE to its edge; edge to S-CSCF to application server, with nothing in
common with the first but who calls whom, the shape of the offer and the time; application server to MRFC, joined by an
icid. A hundred calls begin in each second of capture time and are judged a linger after their end. Told are the CPU
seconds of correlation alone (bound: 60 s, and 600 MB for all) and of the session layer with it: parsed messages filed,
SDP read, offer and answer matched.
"""

import gc
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import SECOND_NS, Limits
from analyzer.protocols.sip.message import Message
from analyzer.protocols.sip.parser import parse_datagram
from analyzer.session.call_links import Group, NodeOf
from analyzer.session.carrier import Carrier
from analyzer.session.correlation import Correlator
from analyzer.session.legs import CallState
from analyzer.session.records import MessageRecord
from analyzer.session.signalling import Signalling

SIZES = (10_000, 30_000, 100_000)
LEGS = 4  # of a call
_START_NS = 1_760_000_000 * SECOND_NS
_GAP_NS = SECOND_NS // 100
_TALK_NS = 20 * SECOND_NS
_LIMITS = Limits()


def _ip(*parts: int) -> int:
    return 0xFFFF << 32 | int.from_bytes(bytes(parts), "big")


_EDGE, _INNER, _SCSCF, _AS, _MRFC = (_ip(10, 0, 0, n) for n in (1, 2, 3, 4, 5))
_FORM = (
    "{start}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{id}{cseq}\r\nMax-Forwards: 70\r\n"
    "From: <sip:user{n}@ims.example>;tag=f{id}\r\nTo: <sip:conf@ims.example>{tag}\r\nCall-ID: {id}\r\n"
    "CSeq: {cseq} {method}\r\nContact: <sip:x@192.0.2.1>\r\n{extra}{kind}Content-Length: {length}\r\n\r\n{body}"
)


def _sdp(number: int, at: int) -> str:
    return (
        f"v=0\r\no=- {at} {number % 10} IN IP4 10.9.{at}.1\r\ns=-\r\nc=IN IP4 10.9.{at}.1\r\nt=0 0\r\n"
        f"m=audio {10_000 + number % 50_000} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n"
    )


def _message(number: int, call_id: str, at: int, method: str, status: int, extra: str) -> bytes:
    body = _sdp(number, at) if method == "INVITE" else ""
    text = _FORM.format(
        start=f"SIP/2.0 {status} OK" if status else f"{method} sip:conf@ims.example SIP/2.0",
        id=call_id, cseq=1 if method == "INVITE" else 2, n=number, method=method, extra=extra, length=len(body),
        tag=f";tag=t{call_id}" if status or method == "BYE" else "", body=body,
        kind="Content-Type: application/sdp\r\n" if body else "",
    )  # fmt: skip
    return text.encode()


def _dialogs(number: int) -> list[tuple[int, int, str, str]]:
    """From, to, Call-ID and further headers of each leg."""
    ue = _ip(10, 1 + number // 62_500, number // 250 % 250, number % 250 + 1)
    icid = f"P-Charging-Vector: icid-value={number:08x}cafe\r\n"
    return [
        (ue, _EDGE, f"a{number}", ""),
        (_INNER, _SCSCF, f"b{number}", icid),
        (_SCSCF, _AS, f"b{number}", icid),
        (_AS, _MRFC, f"c{number}", icid),
    ]


def _wire(calls: int) -> Iterator[tuple[int, int, int, bytes]]:
    """Every message in the order of time: when, from, to, bytes."""
    ending = 0
    for number in range(calls + _TALK_NS // _GAP_NS):
        now = _START_NS + number * _GAP_NS
        if number < calls:
            for at, (src, dst, call_id, extra) in enumerate(_dialogs(number)):
                yield now + at * 1_000_000, src, dst, _message(number, call_id, at, "INVITE", 0, extra)
                yield now + (9 - at) * 1_000_000, dst, src, _message(number, call_id, at + 8, "INVITE", 200, extra)
        if number * _GAP_NS >= _TALK_NS:
            for at, (src, dst, call_id, _) in enumerate(_dialogs(ending)):
                yield now + at * 1_000_000, src, dst, _message(ending, call_id, at, "BYE", 0, "")
            ending += 1


def _node(ip: int) -> object:
    return ip


class _Timed(Correlator):
    """Counts its own time."""

    spent = 0.0

    def observe(self, call: CallState, record: MessageRecord, message: Message) -> Sequence[Anomaly]:
        """See `Correlator`."""
        begin = time.process_time()
        found = super().observe(call, record, message)
        _Timed.spent += time.process_time() - begin
        return found

    def group(self, call: CallState, node: NodeOf) -> Group:
        """See `Correlator`."""
        begin = time.process_time()
        found = super().group(call, node)
        _Timed.spent += time.process_time() - begin
        return found

    def forget(self, call: CallState) -> None:
        """See `Correlator`."""
        begin = time.process_time()
        super().forget(call)
        _Timed.spent += time.process_time() - begin


def _judge(signalling: Signalling, due: list[CallState], now_ns: int | None) -> list[tuple[str, ...]]:
    found = []
    for call in due:
        if signalling.calls.holds(call) and (now_ns is None or signalling.ready(call, now_ns, _node)):
            whole, _ = signalling.take(call, _node)
            found.append(whole.call_ids or (whole.call_id,))
    return found


def run(legs: int) -> None:
    """One size, in this process."""
    calls = legs // LEGS
    signalling = Signalling(_LIMITS)
    signalling._correlator = _Timed(_LIMITS)
    found: list[tuple[str, ...]] = []
    spent, tick = 0.0, _START_NS + 10 * SECOND_NS
    for ordinal, (ts_ns, src, dst, raw) in enumerate(_wire(calls)):
        (message,) = parse_datagram(raw, (Cite(0, ordinal + 1, 0, len(raw), ts_ns),), _LIMITS)
        assert isinstance(message, Message)
        begin = time.process_time()
        if ts_ns >= tick:
            found += _judge(signalling, signalling.calls.due(tick), tick)
            tick += 10 * SECOND_NS
        carrier = Carrier(0, Endpoints(Address(src, 5060), Address(dst, 5060), 17), "udp", ip_id=ordinal & 0xFFFF)
        signalling.message(message, carrier)
        spent += time.process_time() - begin
    begin = time.process_time()
    found += _judge(signalling, signalling.calls.all(), None)
    spent += time.process_time() - begin
    wanted = {(f"a{n}", f"b{n}", f"c{n}") for n in range(calls)}
    wrong = len(wanted.symmetric_difference(found))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{legs:>8} legs {_Timed.spent:7.1f} s correlating {spent:7.1f} s in all {spent / legs * 1e6:6.0f} us a leg"
        f" {memory:6.0f} MB {wrong:4} wrong",
        flush=True,
    )


def main() -> None:
    """Each size in a process of its own."""
    for legs in SIZES:
        subprocess.run([sys.executable, "-m", "tests.bench.correlation", str(legs)], check=True)


if __name__ == "__main__":
    gc.set_threshold(200_000, 20, 100)  # as the program does
    run(int(sys.argv[1])) if len(sys.argv) > 1 else main()
