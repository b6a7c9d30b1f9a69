"""Keys that a user supplies one by one: the entries of a key bundle, an ESP table, an rtpengine log."""

from analyzer.core.frozen import frozen
from analyzer.core.secrets import Secret


@frozen
class EspKey:
    """One security association (RFC 4303) with its keys."""

    id: str
    spi: int | None  # None: any
    src: int | None  # an address as in `core.addresses.Address.ip`; None: any
    dst: int | None
    cipher: str  # null, aes-cbc, aes-ctr, aes-gcm, aes-gmac, des-ede3-cbc
    auth: str  # null, hmac-md5-96, hmac-sha-1-96, hmac-sha-256-128, hmac-sha-384-192, hmac-sha-512-256, any-96 ...
    cipher_key: Secret  # with the salt of a counter mode at its end, as in RFC 3686, 4106 and 4543
    auth_key: Secret


@frozen
class AkaKey:
    """CK and IK of one IMS AKA run: the associations that Security-Server negotiates are derived from them
    (TS 33.203 Annex I)."""

    id: str
    impi: str
    ck: Secret
    ik: Secret


@frozen
class SrtpMaster:
    """A master key and salt that no message of the capture names."""

    id: str
    ssrc: int | None  # None: any stream
    suite: str  # as in RFC 4568 and its registry
    material: Secret  # key, then salt
    mki: bytes
    tag_bytes: int | None  # only where the entry says that the tag is not the suite's own length
