"""SIP between a phone and its P-CSCF in ESP, transport mode (RFC 4303): a pair of associations for each phone.

The kernel makes the packets; the keys are drawn anew in each run and written down as the table that tshark takes.
"""

import secrets
from dataclasses import dataclass

from imslab.network import Network
from imslab.plan import Plan

PHONE_PORT, PROXY_PORT = 5070, 5060
_CIPHERS = {"null": ("ecb(cipher_null)", "NULL", 0), "aes": ("cbc(aes)", "AES-CBC [RFC3602]", 16)}
"""By the scenario's word: the kernel's name, tshark's name, bytes of the key."""


@dataclass(frozen=True, slots=True)
class Association:
    """One direction between a phone and its P-CSCF."""

    number: int
    up: bool  # from the phone
    src: str
    dst: str
    spi: int
    cipher: str
    key: str  # 0x and hex digits; empty without encryption
    check_key: str

    @property
    def row(self) -> str:
        """Its row in tshark's table esp_sa."""
        names = "IPv4", self.src, self.dst, f"0x{self.spi:08x}", _CIPHERS[self.cipher][1], self.key
        return ",".join(f'"{word}"' for word in (*names, "HMAC-SHA-1-96 [RFC2404]", self.check_key))


def associations(plan: Plan, cipher: str) -> list[Association]:
    """Fresh ones, both directions for each phone."""
    found = []
    for number in plan.numbers:
        ends = plan.phone(number), plan.access(number)
        for up in (True, False):
            src, dst = ends if up else ends[::-1]
            size = _CIPHERS[cipher][2]
            key = f"0x{secrets.token_hex(size)}" if size else ""
            spi = secrets.randbelow(0xFFFF0000) + 0x1000
            found.append(Association(number, up, src, dst, spi, cipher, key, f"0x{secrets.token_hex(20)}"))
    return found


def install(network: Network, made: list[Association]) -> None:
    """Gives them to the kernels of both ends; SIP over UDP between the two ports must use them."""
    for one in made:
        ports = (PHONE_PORT, PROXY_PORT) if one.up else (PROXY_PORT, PHONE_PORT)
        selector = ["src", one.src, "dst", one.dst, "proto", "udp", "sport", str(ports[0]), "dport", str(ports[1])]
        template = ["src", one.src, "dst", one.dst, "proto", "esp"]
        for node, way in (
            (f"ue{one.number}", "out" if one.up else "in"),
            (f"p{one.number}", "in" if one.up else "out"),
        ):
            network.ip(node, "xfrm", "state", "add", *template, "spi", hex(one.spi), "mode", "transport",
                       "auth", "hmac(sha1)", one.check_key, "enc", _CIPHERS[one.cipher][0], one.key,
                       "sel", *selector)  # fmt: skip
            network.ip(node, "xfrm", "policy", "add", *selector, "dir", way, "tmpl", *template, "mode", "transport")
