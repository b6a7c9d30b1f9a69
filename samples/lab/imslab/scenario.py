"""A scenario file: who calls whom, with what security on each leg, and what must be found in the capture."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from imslab.plan import Plan

FOLDER = Path(__file__).parents[1] / "scenarios"


@dataclass(frozen=True, slots=True)
class Proxies:
    """How the P-CSCFs and the S-CSCF behave."""

    mode: str = "e2ae"  # e2ae: media security ends at the gateway; e2e: descriptions and media pass untouched
    leak_verify: bool = False  # Security-Verify goes on into the core
    asserts: bool = True  # P-Asserted-Identity is inserted
    trust_ue: bool = False  # the UE's own assertion is believed
    marker: bool = False  # a=3ge2ae:applied towards a terminating UE
    edge_tls: bool = False  # MSRP and BFCP: TLS on the access, ended by the gateway
    bare_lf: bool = False  # rtpengine's bare LF is left in SDP
    retarget: bool = False  # who calls ue1 reaches ue2
    security_server: str = ""
    access: str = "RTP/SAVP DTLS=off SDES-pad"
    sign: bool = False  # the S-CSCF signs the caller's number (STIR)
    ciphers: str = ""  # what the P-CSCFs take in TLS 1.2, as OpenSSL names it
    websocket: bool = False  # the P-CSCFs take SIP over WebSocket


@dataclass(frozen=True, slots=True)
class Links:
    """What the nodes are joined by."""

    ipv6: bool = False  # everything over IPv6
    relay: bool = False  # an MSRP relay in the core
    esp: str = ""  # `null` or `aes`: SIP between the phones and their P-CSCFs in ESP
    gtpu: bool = False  # the first access link is a GTP-U tunnel


@dataclass(frozen=True, slots=True)
class Scenario:
    """One file of scenarios/."""

    name: str
    about: str
    proxies: Proxies
    phones: dict[str, dict[str, Any]]
    focus: dict[str, Any] | None
    faults: dict[str, Any]
    expect: dict[str, str]
    hops: list[dict[str, Any]]
    links: Links = Links()
    protocols: list[str] = field(default_factory=list)  # what must be in the capture: tshark's display filters
    committed: bool = False  # small: kept in samples/

    @property
    def plan(self) -> Plan:
        """The addresses of its nodes; the first two accesses are always there."""
        numbers = tuple(sorted({1, 2} | {int(name[-1]) for name in self.phones}))
        return Plan(numbers, self.links.ipv6, self.links.relay)

    @property
    def signs(self) -> bool:
        """Identities are signed (STIR): whoever checks them needs the signers' certificates."""
        calls = (call for phone in self.phones.values() for call in phone.get("calls", ()))
        return self.proxies.sign or any("identity" in call for call in calls)

    @property
    def guest(self) -> bool:
        """It needs what the host's kernel may lack: ESP, GTP-U."""
        return bool(self.links.esp) or self.links.gtpu


def read(path: Path) -> Scenario:
    """A scenario file; a key that is not known is an error."""
    tree = YAML(typ="safe").load(path.read_text())
    proxies, links = Proxies(**tree.pop("proxies", {})), Links(**tree.pop("links", {}))
    scenario = Scenario(
        path.stem, tree.pop("about"), proxies, tree.pop("phones"), tree.pop("focus", None), tree.pop("faults", {}),
        tree.pop("expect", {}), tree.pop("hops", []), links, tree.pop("protocols", []), tree.pop("committed", False),
    )  # fmt: skip
    if tree:
        raise ValueError(f"{path}: unknown keys {sorted(tree)}")
    return scenario


def every() -> list[Scenario]:
    """All scenarios, by name."""
    return [read(path) for path in sorted(FOLDER.glob("*.yaml"))]
