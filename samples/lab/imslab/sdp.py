"""Session descriptions that the scripted ends write and read."""

import base64
import os
import re
from dataclasses import dataclass, field

from imslab.plan import host

KEY_BYTES = {"AES_CM_128_HMAC_SHA1_80": 30, "AES_CM_128_HMAC_SHA1_32": 30, "AES_256_CM_HMAC_SHA1_80": 46,
             "AES_CM_256_HMAC_SHA1_80": 46, "AEAD_AES_128_GCM": 28, "AEAD_AES_256_GCM": 44}  # fmt: skip

_AUDIO = {"sdes": "RTP/SAVP", "dtls": "UDP/TLS/RTP/SAVP", "rtp": "RTP/AVP"}
_FLOORS = {"tls": "TCP/TLS/BFCP", "tcp": "TCP/BFCP", "udp": "UDP/BFCP"}  # RFC 8856 4


def new_key(suite: str) -> str:
    """A fresh inline key, base64 with its padding."""
    return base64.b64encode(os.urandom(KEY_BYTES[suite])).decode()


@dataclass(slots=True)
class Offer:
    """What an end describes."""

    address: str
    audio: str = "none"  # sdes, dtls, rtp, none
    audio_port: int = 0
    suite: str = "AES_CM_128_HMAC_SHA1_80"
    key: str = ""
    crypto_parameters: str = ""
    message: str = "none"  # tls, tcp, none
    message_port: int = 0
    session: str = ""
    floor: str = "none"
    floor_port: int = 0
    floor_lines: tuple[str, ...] = ()
    setup: str = "active"
    audio_setup: str = "actpass"
    fingerprint: str = ""
    marker: bool = False
    version: int = 1
    relay: str = ""  # the URI of the MSRP relay that it is reached through

    @property
    def own_uri(self) -> str:
        """The URI of its MSRP session."""
        scheme = "msrps" if self.message == "tls" else "msrp"
        return f"{scheme}://{host(self.address)}:{self.message_port}/{self.session};tcp"

    def text(self) -> str:
        """The description."""
        place = f"IN IP{6 if ':' in self.address else 4} {self.address}"
        origin = f"o=- {abs(hash(self.session or self.key)) % 2**31} {self.version} {place}"
        lines = ["v=0", origin, "s=-", f"c={place}", "t=0 0"]
        mark = ["a=3ge2ae:requested"] if self.marker else []
        proof = [f"a=fingerprint:SHA-256 {self.fingerprint}"]
        if self.audio != "none":
            lines += [
                f"m=audio {self.audio_port} {_AUDIO[self.audio]} 0",
                "a=rtpmap:0 PCMU/8000",
                "a=ptime:20",
            ]
            if self.audio == "dtls":
                lines += [f"a=setup:{self.audio_setup}", *proof, "a=rtcp-mux"]
            if self.audio == "sdes":
                lines += [f"a=crypto:1 {self.suite} inline:{self.key}{self.crypto_parameters}", *mark]
            lines.append("a=sendrecv")
        if self.message != "none":
            tls = self.message == "tls"
            lines += [
                f"m=message {self.message_port} TCP/{'TLS/' if tls else ''}MSRP *",
                "a=accept-types:message/cpim text/plain",
                f"a=path:{f'{self.relay} ' if self.relay else ''}{self.own_uri}",
                f"a=setup:{self.setup}",
                "a=msrp-cema",
                *(proof + mark if tls else ()),
            ]
        if self.floor != "none":
            tls = self.floor == "tls"
            connection = ["a=connection:new", f"a=setup:{self.setup}"]
            lines += [
                f"m=application {self.floor_port} {_FLOORS[self.floor]} *",
                *(["a=bfcpver:2"] if self.floor == "udp" else connection),
                *self.floor_lines,
                *(proof + mark if tls else ()),
            ]
        return "\r\n".join(lines) + "\r\n"


@dataclass(slots=True)
class Medium:
    """One m-line as read."""

    kind: str
    port: int
    proto: str
    address: str
    attributes: list[str] = field(default_factory=list)

    def attribute(self, name: str) -> str:
        """The value of an attribute, or nothing."""
        return next((a.partition(":")[2] for a in self.attributes if a.partition(":")[0] == name), "")

    @property
    def audio(self) -> str:
        """How audio of this description is secured, as scenarios name it."""
        return next(name for name, proto in _AUDIO.items() if proto == self.proto)

    @property
    def key(self) -> str:
        """The inline key of its first crypto line."""
        found = re.search(r"inline:([A-Za-z0-9+/=]+)", self.attribute("crypto"))
        return found[1] if found else ""

    @property
    def suite(self) -> str:
        """The suite of its first crypto line."""
        return [*self.attribute("crypto").split(), "", ""][1]


def read(body: str) -> dict[str, Medium]:
    """The m-lines of a description by their media type."""
    found: dict[str, Medium] = {}
    address, current = "", None
    for line in body.replace("\r\n", "\n").split("\n"):
        if line.startswith("m="):
            kind, port, proto = line[2:].split()[:3]
            current = found[kind] = Medium(kind, int(port), proto, address)
        elif line.startswith("c="):
            if current is None:
                address = line.split()[-1]
            else:
                current.address = line.split()[-1]
        elif line.startswith("a=") and current is not None:
            current.attributes.append(line[2:])
    return found
