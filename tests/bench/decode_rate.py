"""Frames a second of the decoder: Ethernet, UDP, 20 % VLAN, 10 % IPv6, batches of 32,768. Run as a module."""

import time

from analyzer.core.limits import Limits
from analyzer.net.decode import Decoder
from tests.net.test_decode import SOURCES, batch, ethernet, udp4

PLAIN = ethernet(0x0800, udp4(bytes(172)))
TAGGED = ethernet(0x8100, b"\0\5\x08\0" + udp4(bytes(172)))
SIX = ethernet(0x86DD, b"\x60\0\0\0\0\xb4\x11\x40" + bytes(32) + b"\x13\xc4\x13\xc4\0\xb4\0\0" + bytes(172))


def main() -> None:
    frames = batch([(1, f) for f in ([PLAIN] * 7 + [TAGGED] * 2 + [SIX]) * 3277][:32768])
    decoder = Decoder(SOURCES, Limits())
    assert len(decoder.decode(frames)) == len(frames)
    began = time.process_time()
    for _ in range(20):
        decoder.decode(frames)
    print(f"{20 * len(frames) / (time.process_time() - began):,.0f} frames a second")


if __name__ == "__main__":
    main()
