"""Generated streams: one for each combination of suite, MKI, first roll-over counter and header extension."""

import random
import struct
from dataclasses import dataclass
from itertools import product

from analyzer.core.secrets import Secret
from analyzer.crypto.srtp.engine import SrtpContext
from analyzer.crypto.srtp.suites import SUITES, Suite
from tests.crypto.srtp.writer import Sender

SSRC = 0xCAFEBABE
EXTENSION = bytes.fromhex("bede0006 17414273a475262748220000c8308e4655996386b395fb00".replace(" ", ""))
LONG = bytes.fromhex("1000000601040a0b0c0d03001405111213141500020221223000" + "0000")  # RFC 8285 4.3: two-byte headers
HEADERS = ("bare", "extension", "encrypted", "long", "csrc")
ROCS = (0, 1, 37)


@dataclass(frozen=True)
class Case:
    """One stream to be: what protects it and how its headers look."""

    suite: Suite
    mki: bytes
    roc: int
    header: str
    kdr: int = 0
    rtp_tag: int | None = None
    rtcp_tag: int | None = None
    unencrypted: bool = False
    unauthenticated: bool = False

    def __str__(self) -> str:
        flags = f"{'-unencrypted' * self.unencrypted}{'-unauthenticated' * self.unauthenticated}"
        return f"{self.suite.name}-{len(self.mki)}-{self.roc}-{self.header}-{self.kdr}-{self.rtp_tag}{flags}"

    @property
    def ids(self) -> tuple[int, ...]:
        return {"encrypted": (1, 3, 4), "long": (1, 3, 20)}.get(self.header, ())

    @property
    def key(self) -> tuple[bytes, bytes]:
        numbers = random.Random(str(self))
        return numbers.randbytes(self.suite.key), numbers.randbytes(self.suite.salt)

    def sender(self) -> Sender:
        suite = self.suite
        rtp_tag, rtcp_tag = self.rtp_tag or suite.rtp_tag, self.rtcp_tag or suite.rtcp_tag
        rate = 2**self.kdr if self.kdr else 0
        rtp_tag = 0 if self.unauthenticated else rtp_tag
        return Sender(suite.cipher, *self.key, rtp_tag, rtcp_tag, self.mki, rate, self.ids, self.unencrypted)

    def context(self) -> SrtpContext:
        master, salt = self.key
        return SrtpContext(
            self.suite,
            Secret(master),
            Secret(salt),
            mki=self.mki,
            kdr=self.kdr,
            encrypted_extensions=self.ids,
            rtp_tag=self.rtp_tag,
            rtcp_tag=self.rtcp_tag,
            unencrypted_srtp=self.unencrypted,
            unauthenticated=self.unauthenticated,
        )


OPENED = [suite for suite in SUITES if suite.opened]
CASES = [
    Case(suite, mki, roc, header)
    for suite, mki, roc, header in product(OPENED, (b"", b"\x01\x02\x03\x04"), ROCS, HEADERS)
]
CASES += [Case(suite, b"", roc, "encrypted", kdr) for suite, roc, kdr in product(OPENED, (0, 2), (2, 16))]
CASES += [Case(suite, b"\x09", 2, "bare", 0, 8, 8) for suite in OPENED if suite.cipher == "gcm"]
CASES += [Case(suite, b"", 2, "bare", 0, None, 4) for suite in OPENED if suite.cipher == "cm"]
HMAC = [suite for suite in OPENED if suite.cipher != "gcm"]  # RFC 7714 13.1: AEAD has no session parameters of these
CASES += [
    Case(suite, mki, roc, header, unencrypted=True)
    for suite, mki, roc, header in product(HMAC, (b"", b"\x07"), (0, 2), ("bare", "encrypted"))
]
UNAUTHENTICATED = [  # nothing tells a roll-over counter: they begin at 0
    Case(suite, mki, 0, header, unencrypted=unencrypted, unauthenticated=True)
    for suite, mki, header, unencrypted in product(HMAC, (b"", b"\x07"), ("bare", "encrypted"), (False, True))
]


def header(kind: str, seq: int, ssrc: int = SSRC) -> bytes:
    """An RTP header of one of HEADERS."""
    fixed = struct.pack("!BHII", 0, seq, seq * 160, ssrc)
    if kind == "bare":
        return b"\x80" + fixed
    if kind == "csrc":
        return b"\x92" + fixed + b"\x00\x00\x00\x07\x00\x00\x00\x08" + EXTENSION
    if kind == "long":
        return b"\x90" + fixed + LONG
    return b"\x90" + fixed + EXTENSION


def rtp_plain(case: Case) -> list[tuple[bytes, bytes, int]]:
    """Header, payload and roll-over counter of packets over a wrap, empty to longer than 1,500 bytes."""
    numbers = random.Random(str(case))
    order = [(65533, 20), (65535, 160), (65534, 1), (0, 160), (2, 0), (1, 1600)]
    return [(header(case.header, seq), numbers.randbytes(size), case.roc + (seq < 32768)) for seq, size in order]


def rtcp_plain(case: Case) -> list[tuple[bytes, int, bool]]:
    """RTCP packets, each with its SRTCP index and whether it is encrypted."""
    numbers = random.Random(str(case))
    head = b"\x81\xc8\x00\x0c" + struct.pack("!I", SSRC)
    return [(head + numbers.randbytes(44), index, index != 3) for index in (1, 2, 3, 70_000, 0x7FFFFFFF)]


def flipped(packet: bytes, numbers: random.Random) -> bytes:
    """The packet with one bit of it turned over."""
    bit = numbers.randrange(8 * len(packet))
    changed = bytearray(packet)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
