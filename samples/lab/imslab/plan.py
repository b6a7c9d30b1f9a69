"""Which address each node of a run has.

ue1 10.1.0.2 -- acc1 10.1.0.1 p1 10.0.0.11 -+
ue2 10.2.0.2 -- acc2 10.2.0.1 p2 10.0.0.12 -+- br0 10.0.0.1 (core: S-CSCF)
ue3 10.3.0.2 -- acc3 10.3.0.1 p3 10.0.0.15 -+
           mrf 10.0.0.13 (conference server), relay 10.0.0.14 (MSRP relay)

Over IPv6 10.N.0.H is fd00:N::H.
"""

import ipaddress
import socket
from dataclasses import dataclass

CORE_HOST = {"core": 1, "p1": 11, "p2": 12, "mrf": 13, "relay": 14, "p3": 15}


@dataclass(frozen=True, slots=True)
class Plan:
    """The addresses of one run: `numbers` are those of its phones, each with a proxy of its own."""

    numbers: tuple[int, ...] = (1, 2)
    ipv6: bool = False
    relay: bool = False

    @property
    def nodes(self) -> tuple[str, ...]:
        """The namespaces."""
        ends = [f"{kind}{number}" for kind in ("ue", "p") for number in self.numbers]
        return (*ends, "core", "mrf", *(["relay"] if self.relay else []))

    @property
    def taps(self) -> tuple[tuple[str, str], ...]:
        """Where it is captured, as node and device: the first access, the bridge of the core, the other accesses."""
        first, *others = ((f"p{number}", f"acc{number}") for number in self.numbers)
        return (first, ("core", "br0"), *others)

    @property
    def prefix(self) -> int:
        """The length of a link's prefix."""
        return 64 if self.ipv6 else 24

    def _address(self, net: int, host: int) -> str:
        return str(ipaddress.ip_address(f"fd00:{net}::{host}" if self.ipv6 else f"10.{net}.0.{host}"))

    def core(self, node: str) -> str:
        """A node's address in the core."""
        return self._address(0, CORE_HOST[node])

    def access(self, number: int) -> str:
        """A P-CSCF's address towards its phone."""
        return self._address(number, 1)

    def phone(self, number: int) -> str:
        """A phone's address."""
        return self._address(number, 2)

    def access_net(self, number: int) -> str:
        """The network of an access link, with the length of its prefix."""
        return f"{self._address(number, 0)}/{self.prefix}"


def host(address: str) -> str:
    """An address as URIs write it: IPv6 in brackets (RFC 3986 3.2.2)."""
    return f"[{address}]" if ":" in address else address


def family(address: str) -> socket.AddressFamily:
    """The family of an address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET
