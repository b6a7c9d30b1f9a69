"""The types of a session description. Keys are held as `Secret`; nothing here shows one."""

from dataclasses import field
from typing import Literal

from analyzer.core.anomalies import Anomaly
from analyzer.core.frozen import frozen
from analyzer.core.secrets import Secret

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
E2aeMark = Literal["none", "requested", "applied", "other"]

SECURE_RTP = frozenset({"RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"})


@frozen
class InlineKey:
    """One `inline:` key of a crypto line (RFC 4568 6.1, 9.2). `key` is the decoded key||salt, None if undecodable."""

    key: Secret | None
    base64_ok: bool
    padded_ok: bool
    lifetime: str = ""
    mki: int | None = None
    mki_bytes: int = 0


@frozen
class Crypto:
    """One a=crypto line: tag and suite as written, keys, session parameters (RFC 4568 6.3).

    A tag or suite is empty where what stands in its place has not its shape. `other` names the session parameters
    that are not known ("?": not fit to show), `faults` what in the line departs from the grammar; `kdr_unread`: there
    is a KDR, and it is none of its one or two digits.
    """

    tag: str
    suite: str
    keys: tuple[InlineKey, ...]
    kdr: int | None = None
    kdr_unread: bool = False
    unencrypted_srtp: bool = False
    unencrypted_srtcp: bool = False
    unauthenticated_srtp: bool = False
    fec_order: str = ""
    wsh: int | None = None
    fec_keys: tuple[InlineKey, ...] = ()
    other: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


@frozen
class Fingerprint:
    """a=fingerprint: the hash name in lower case and the digest, empty if it is not pairs of digits (RFC 8122 5).

    `canonical`: the digest has the length of its hash and upper-case digits.
    """

    algorithm: str
    digest: bytes
    canonical: bool = True


@frozen
class Codec:
    """a=rtpmap (RFC 8866 6.6)."""

    name: str
    clock: int
    channels: int = 1


@frozen
class Origin:
    """The o= line (RFC 8866 5.2)."""

    username: str
    sess_id: str
    version: str
    address: str


@frozen
class Media:
    """One m-line with what applies to it, session level included where it is inherited.

    `connections` are its own c= addresses, `address` the one in effect (its first, else the session's), `ip` that
    address where it is numeric. `key_mgmt_data` stands beside `key_mgmt`: None where it is not base64.
    `encrypted_extensions` are the identifiers of header extensions to be encrypted (RFC 6904 4).
    """

    index: int
    medium: str
    port: int
    port_count: int
    proto: str
    formats: tuple[str, ...]
    address: str = ""
    ip: int | None = None
    connections: tuple[str, ...] = ()
    bandwidths: tuple[tuple[str, int], ...] = ()
    direction: Direction = "sendrecv"
    crypto: tuple[Crypto, ...] = ()
    fingerprints: tuple[Fingerprint, ...] = ()
    setup: str = ""
    tls_id: str = ""
    rtcp_port: int | None = None
    rtcp_ip: int | None = None
    rtcp_mux: bool = False
    rtcp_rsize: bool = False
    ice_ufrag: str = ""
    ice_pwd: Secret | None = None
    candidates: int = 0
    ssrcs: tuple[int, ...] = ()
    encrypted_extensions: tuple[int, ...] = ()
    key_mgmt: tuple[str, ...] = ()
    key_mgmt_data: tuple[Secret | None, ...] = ()
    key_line: bool = False  # k= applies (RFC 8866 5.12)
    path: tuple[str, ...] = ()
    accept_types: tuple[str, ...] = ()
    accept_wrapped_types: tuple[str, ...] = ()
    msrp_cema: bool = False
    file_selector: str = ""
    floorctrl: tuple[str, ...] = ()
    bfcpver: tuple[str, ...] = ()
    confid: int | None = None
    userid: int | None = None
    floorids: tuple[tuple[int, tuple[str, ...]], ...] = ()
    label: str = ""
    mid: str = ""
    bundle_only: bool = False
    e2ae: E2aeMark = "none"
    sctp_port: int | None = None
    sctpmap: str = ""
    rtpmap: dict[int, Codec] = field(default_factory=dict)
    fmtp: dict[int, str] = field(default_factory=dict)
    ptime: int | None = None
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def secure_profile(self) -> bool:
        """A profile that demands SRTP: RTP/SAVP(F), UDP/TLS/RTP/SAVP(F)."""
        return self.proto.upper() in SECURE_RTP

    @property
    def is_rtp(self) -> bool:
        """Any RTP profile."""
        return "RTP/" in self.proto.upper()

    @property
    def is_msrp(self) -> bool:
        """MSRP over TCP or TLS (RFC 4975 8)."""
        return self.proto.upper().endswith("MSRP")

    @property
    def is_bfcp(self) -> bool:
        """BFCP over any transport (RFC 8856 4)."""
        return self.proto.upper().endswith("BFCP")

    @property
    def tls(self) -> bool:
        """The transport protocol names TLS or DTLS."""
        words = self.proto.upper().split("/")
        return "TLS" in words or "DTLS" in words

    @property
    def rejected(self) -> bool:
        """Refused or disabled: port zero without bundle-only (RFC 3264 6, RFC 8843 6)."""
        return self.port == 0 and not self.bundle_only

    @property
    def keying(self) -> bool:
        """It carries what SRTP keys come from."""
        return bool(self.crypto or self.fingerprints or self.key_mgmt)


@frozen
class Session:
    """A session description. `crypto` are lines at session level, where they have no effect (RFC 4568 5)."""

    origin: Origin | None
    name: str
    address: str
    media: tuple[Media, ...]
    groups: tuple[str, ...] = ()
    fingerprints: tuple[Fingerprint, ...] = ()
    key_mgmt: tuple[str, ...] = ()
    crypto: tuple[Crypto, ...] = ()
    bandwidths: tuple[tuple[str, int], ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    information: str = ""  # its first i= line, of the session or of a medium
    anomalies: tuple[Anomaly, ...] = ()
