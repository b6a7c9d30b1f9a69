"""SRTP packets verified and decrypted a second on one core: `python -m tests.bench.srtp_speed`.

CPU time of the calls alone, best of five, 60,000 packets of 172 bytes (12 of header, 160 of G.711) before protection.
"""

import time
from collections.abc import Callable

import numpy as np
from pylibsrtp import Policy, Session

from analyzer.core.limits import Limits
from analyzer.core.secrets import Secret
from analyzer.crypto.srtp import libsrtp
from analyzer.crypto.srtp.engine import SrtpContext
from analyzer.crypto.srtp.fast import FastStream, Prepared
from analyzer.crypto.srtp.stream import PacketColumns, SrtpStream
from analyzer.crypto.srtp.suites import AEAD_AES_128_GCM, AES_CM_128_HMAC_SHA1_80, Suite

COUNT = 60_000
PROFILES = {
    AES_CM_128_HMAC_SHA1_80: Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    AEAD_AES_128_GCM: Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
}


def _protected(suite: Suite, material: bytes) -> list[bytes]:
    peer = Session(Policy(material, Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILES[suite]))
    ssrc = bytes.fromhex("cafebabe")
    return [
        peer.protect(b"\x80\x00" + n.to_bytes(2, "big") + (n * 160).to_bytes(4, "big") + ssrc + bytes(160))
        for n in range(COUNT)
    ]


def _rate(make: Callable[[], Callable[[], int]]) -> float:
    best = float("inf")
    for _ in range(5):
        call = make()
        begin = time.process_time()
        assert call() == COUNT
        best = min(best, time.process_time() - begin)
    return COUNT / best


def _verified(context: SrtpContext, columns: PacketColumns) -> Callable[[], Callable[[], int]]:
    """As the analyzer does it: packets made ready for all streams at once, then opened 250 at a time."""

    def make() -> Callable[[], int]:
        stream = FastStream([context], Limits())

        def work() -> int:
            ready = Prepared(columns)
            for first in range(0, COUNT, 250):
                stream.verify_many(ready, first, min(first + 250, COUNT))
            return stream.counts.authenticated

        return work

    return make


def verified_rate(suite: Suite = AES_CM_128_HMAC_SHA1_80) -> float:
    """Packets a second whose tags are verified and payloads decrypted, every call counted."""
    material = bytes(range(suite.key + suite.salt))
    packets = _protected(suite, material)
    lengths = np.array([len(packet) for packet in packets])
    columns = PacketColumns(b"".join(packets), np.cumsum(lengths) - lengths, lengths)
    context = SrtpContext(suite, Secret(material[: suite.key]), Secret(material[suite.key :]))
    return _rate(_verified(context, columns))


def main() -> None:
    """Prints one line a way of opening and suite."""
    for suite in PROFILES:
        material = bytes(range(suite.key + suite.salt))
        context = SrtpContext(suite, Secret(material[: suite.key]), Secret(material[suite.key :]))
        packets = _protected(suite, material)
        lengths = np.array([len(packet) for packet in packets])
        columns = PacketColumns(b"".join(packets), np.cumsum(lengths) - lengths, lengths)

        def opened(kind: type, what: object, context: SrtpContext = context) -> Callable[[], Callable[[], int]]:
            def make() -> Callable[[], int]:
                stream = kind([context], Limits())
                return lambda: sum(isinstance(plain, bytes) for plain in stream.unprotect_many(what))

            return make

        def bare(kind: type, suite: Suite = suite, material: bytes = material, packets: list[bytes] = packets):
            def make() -> Callable[[], int]:
                opener = kind(suite, Secret(material), 1024)
                return lambda: opener.run(packets, 0, [])

            return make

        for name, way in (
            ("pylibsrtp, public API", bare(libsrtp.PublicOpener)),
            ("pylibsrtp, binding in place", bare(libsrtp.BindingOpener)),
            ("FastStream, list of packets", opened(FastStream, packets)),
            ("FastStream, columns", opened(FastStream, columns)),
            ("FastStream, verified in bulk", _verified(context, columns)),
            ("SrtpStream (engine)", opened(SrtpStream, packets)),
        ):
            rate = _rate(way)
            print(f"{suite.name:26} {name:30} {rate:10,.0f} packets/s {1e6 / rate:6.2f} us")


if __name__ == "__main__":
    main()
