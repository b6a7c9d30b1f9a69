"""Transport addresses as the analysis carries them: 128-bit integers with a port."""

import ipaddress
from functools import lru_cache
from typing import NamedTuple

_MAPPED = 0xFFFF << 32
_LONGEST = 45  # characters of an address


class Address(NamedTuple):
    """An IP address (128 bits; IPv4 mapped into ::ffff:0:0/96) and a port."""

    ip: int
    port: int

    def __str__(self) -> str:
        host = ip_text(self.ip)
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


@lru_cache(maxsize=1_024)
def ip_text(ip: int) -> str:
    """The address in its usual notation."""
    if ip >> 32 == 0xFFFF:
        return ".".join(map(str, (ip & 0xFFFFFFFF).to_bytes(4, "big")))
    return str(ipaddress.IPv6Address(ip & (1 << 128) - 1))


def parse_ip(text: str) -> int | None:
    """The address a host text denotes (IPv4, IPv6, bracketed or with a zone), or None for a name."""
    text = text.strip("[]").partition("%")[0]
    return _parsed(text) if 2 <= len(text) <= _LONGEST else None


@lru_cache(maxsize=1_024)
def _parsed(text: str) -> int | None:
    octets = text.split(".")
    if len(octets) == 4 and text.isascii() and all(map(str.isdigit, octets)):
        numbers = [int(octet) for octet in octets]
        if max(numbers) < 256 and ".".join(map(str, numbers)) == text:  # without leading zeros: nothing else to read
            return int.from_bytes(bytes(numbers), "big") | _MAPPED
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return int(address) | _MAPPED if address.version == 4 else int(address)


class Endpoints(NamedTuple):
    """One direction of a flow: who sent to whom over which IP protocol number."""

    src: Address
    dst: Address
    protocol: int

    @property
    def reverse(self) -> "Endpoints":
        """The other direction."""
        return Endpoints(self.dst, self.src, self.protocol)
