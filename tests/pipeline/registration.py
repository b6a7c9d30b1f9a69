"""IMS registrations with IPsec (TS 33.203), built packet by packet apart from the product: SIP, then ESP.

The UE registers in clear, the P-CSCF answers 401 with Security-Server, and all else goes through the four
associations: TCP from either side (SPIs of TS 33.203 7.1: each receiver's own) or UDP from client to server ports.
"""

import struct
from dataclasses import dataclass, field

from analyzer.core.addresses import Address
from tests.crypto.esp_writer import Writer, expand
from tests.pipeline.wire import ACK, PSH, SYN, Wire, at

UE, PROXY = "10.1.0.10", "10.1.0.1"
IMPI = "ue1@ims.example"
CK, IK = bytes.fromhex("000102030405060708090a0b0c0d0e0f"), bytes.fromhex("f0e0d0c0b0a090807060504030201000")
UE_C, UE_S, PROXY_C, PROXY_S = (50_601, 1_001), (50_602, 1_002), (50_611, 2_001), (50_612, 2_002)  # port, SPI


def _words(name: str, client: tuple[int, int], server: tuple[int, int], alg: str, ealg: str, mode: str) -> str:
    return (
        f"{name}: ipsec-3gpp;alg={alg};ealg={ealg};prot=esp;mod={mode};spi-c={client[1]};spi-s={server[1]};"
        f"port-c={client[0]};port-s={server[0]};q=0.1"
    )


def checksum(src: str, dst: str, protocol: int, segment: bytes) -> bytes:
    """RFC 1071, with the pseudo header of RFC 9293 3.1."""
    hosts = b"".join((at(host, 0).ip & 0xFFFFFFFF).to_bytes(4, "big") for host in (src, dst))
    data = hosts + struct.pack(">HH", protocol, len(segment)) + segment
    total = sum(struct.unpack(f">{len(data) // 2 + len(data) % 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack(">H", ~total & 0xFFFF)


def udp(src: Address, dst: Address, hosts: tuple[str, str], payload: bytes) -> bytes:
    """A datagram with its header."""
    header = struct.pack(">HHH", src.port, dst.port, 8 + len(payload))
    return header + (checksum(*hosts, 17, header + b"\0\0" + payload)) + payload


@dataclass
class Registered:
    """A registration under one algorithm pair, and what went through its associations."""

    alg: str
    ealg: str
    mode: str = "trans"
    ck: bytes = CK
    ik: bytes = IK
    wire: Wire = field(default_factory=Wire)
    carried: dict[int, bytes] = field(default_factory=dict)  # what each ESP frame's transport packet carries
    writers: dict[int, Writer] = field(default_factory=dict)  # by SPI
    _next: dict[tuple[Address, Address], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        cipher, key, auth, auth_key = expand(self.alg, self.ealg, self.ck, self.ik)
        for _, spi in (UE_C, UE_S, PROXY_C, PROXY_S):
            self.writers[spi] = Writer(spi, cipher, key, auth, auth_key)
        self.client = _words("Security-Client", UE_C, UE_S, self.alg, self.ealg, self.mode)
        self.server = _words("Security-Server", PROXY_C, PROXY_S, self.alg, self.ealg, self.mode)

    def challenge(self, keys_in_401: str = "") -> None:
        """REGISTER and 401 in clear."""
        ue, proxy = at(UE, 5060), at(PROXY, 5060)
        self.wire.udp(ue, proxy, self.register(1, f'username="{IMPI}",nonce="",response=""'))
        www = f'WWW-Authenticate: Digest realm="ims.example",nonce="bm9uY2U=",algorithm=AKAv1-MD5{keys_in_401}'
        self.wire.udp(proxy, ue, sip("REGISTER", 1, 401, f"{www}\r\n{self.server}"))

    def register(self, cseq: int, credentials: str) -> bytes:
        """A REGISTER; in a second one Security-Verify stands too."""
        verify = self.server.replace("Security-Server", "\r\nSecurity-Verify") if cseq > 1 else ""
        return sip("REGISTER", cseq, 0, f"Authorization: Digest {credentials}\r\n{self.client}{verify}")

    def send(self, src: Address, dst: Address, protocol: int, packet: bytes, carries: bytes) -> int:
        """A transport packet through the association that its destination port names."""
        spi = dict((UE_C, UE_S, PROXY_C, PROXY_S))[dst.port]
        frame = self.wire.esp(src, dst, self.writers[spi].packet(packet, protocol))
        self.carried[frame] = carries
        return frame

    def datagram(self, src: Address, dst: Address, payload: bytes) -> int:
        """SIP in UDP in ESP."""
        hosts = (UE, PROXY) if dst.ip == at(PROXY, 0).ip else (PROXY, UE)
        return self.send(src, dst, 17, udp(src, dst, hosts, payload), payload)

    def segment(self, src: Address, dst: Address, payload: bytes = b"", flags: int = ACK) -> int:
        """The next TCP segment of a direction, in ESP."""
        hosts = (UE, PROXY) if dst.ip == at(PROXY, 0).ip else (PROXY, UE)
        seq, ack = self._next.get((src, dst), 1000), self._next.get((dst, src), 1000)
        self._next[src, dst] = seq + len(payload) + bool(flags & SYN)
        ports = struct.pack(">HHIIBBH", src.port, dst.port, seq, ack, 0x50, flags, 65_535)
        header = ports + checksum(*hosts, 6, ports + b"\0\0\0\0" + payload) + b"\0\0"
        return self.send(src, dst, 6, header + payload, payload)

    def talk(self) -> "Registered":
        """The whole registration and what follows: all four associations carry packets."""
        self.challenge()
        ue_c, ue_s, proxy_c, proxy_s = at(UE, UE_C[0]), at(UE, UE_S[0]), at(PROXY, PROXY_C[0]), at(PROXY, PROXY_S[0])
        self._open(ue_c, proxy_s)
        self.segment(ue_c, proxy_s, self.register(2, f'username="{IMPI}",nonce="bm9uY2U=",response="00"'), PSH | ACK)
        self.segment(proxy_s, ue_c, sip("REGISTER", 2, 200), PSH | ACK)
        self._open(proxy_c, ue_s)
        self.segment(proxy_c, ue_s, sip("MESSAGE", 3), PSH | ACK)
        self.segment(ue_s, proxy_c, sip("MESSAGE", 3, 200), PSH | ACK)
        self.datagram(ue_c, proxy_s, sip("OPTIONS", 4))
        self.datagram(proxy_c, ue_s, sip("OPTIONS", 4, 200))
        return self

    def _open(self, client: Address, server: Address) -> None:
        self.segment(client, server, flags=SYN)
        self.segment(server, client, flags=SYN | ACK)
        self.segment(client, server)


SIP_MESSAGES = 8  # that `talk` sends
IN_ESP = 12  # packets of it


def sip(method: str, cseq: int, status: int = 0, more: str = "") -> bytes:
    """A SIP message of the UE's registration or of another transaction."""
    start = f"SIP/2.0 {status} Said" if status else f"{method} sip:ims.example SIP/2.0"
    transport = "TCP" if cseq in (2, 3) else "UDP"
    head = (
        f"{start}\r\nVia: SIP/2.0/{transport} {UE}:{UE_S[0]};branch=z9hG4bK{method}{cseq}\r\nMax-Forwards: 70\r\n"
        f"From: <sip:ue1@ims.example>;tag=a\r\nTo: <sip:ue1@ims.example>{';tag=b' if status else ''}\r\n"
        f"Call-ID: {method.lower()}-1\r\nCSeq: {cseq} {method}\r\nContact: <sip:ue1@{UE}:{UE_S[0]}>\r\n"
    )
    return f"{head}{more}{chr(13) + chr(10) if more else ''}Content-Length: 0\r\n\r\n".encode()
