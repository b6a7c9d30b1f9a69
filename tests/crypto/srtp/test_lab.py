"""A call of real endpoints whose SDES keys are readable in its SIP: every SRTP packet authenticates."""

import base64
import re
from collections import defaultdict
from pathlib import Path

import dpkt

from analyzer.core.limits import Limits
from analyzer.core.secrets import Secret
from analyzer.crypto.srtp.engine import SrtpContext, split_material
from analyzer.crypto.srtp.fast import FastStream
from analyzer.crypto.srtp.suites import suite_named

CRYPTO = re.compile(rb"a=crypto:\d{1,9} ([A-Z0-9_]{1,40}) inline:([A-Za-z0-9+/=]{1,100})")


def _contexts(payload: bytes) -> list[SrtpContext]:
    found = []
    for name, inline in CRYPTO.findall(payload):
        suite = suite_named(name.decode())
        split = split_material(suite, Secret(base64.b64decode(inline + b"=="))) if suite else None
        if suite and split:
            found.append(SrtpContext(suite, *split))
    return found


def test_every_packet_of_a_real_call_opens(shared: Path):
    contexts: list[SrtpContext] = []
    streams: dict[bytes, list[bytes]] = defaultdict(list)
    with (shared / "lab" / "e2e-sdes-clear-sip.pcapng").open("rb") as file:
        for _, frame in dpkt.pcapng.Reader(file):
            ip = dpkt.ethernet.Ethernet(frame).data
            if not isinstance(ip, dpkt.ip.IP):
                continue
            payload = bytes(getattr(ip.data, "data", b""))
            known = {context.material for context in contexts}
            contexts += [context for context in _contexts(payload) if context.material not in known]
            is_media = isinstance(ip.data, dpkt.udp.UDP) and len(payload) > 60 and payload[0] >> 6 == 2
            if is_media and not 72 <= payload[1] & 0x7F <= 76:  # RFC 5761 4: those are RTCP
                streams[payload[8:12]].append(payload)
    assert len(streams) >= 2 and contexts
    distinct = 0
    for packets in streams.values():
        stream = FastStream(contexts, Limits())
        opened = stream.unprotect_many(packets)
        assert [plain[:12] for plain in opened if isinstance(plain, bytes)] == [wire[:12] for wire in packets]
        assert stream.counts.failed == stream.counts.reused == 0
        assert stream.counts.distinct + stream.counts.duplicates == len(packets)
        distinct += stream.counts.distinct
    assert distinct == 304  # FACTS.txt: 304 RTP packets at the core hop, each seen again on both accesses
