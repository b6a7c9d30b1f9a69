"""One master key and one packet to plaintext: every suite, any roll-over counter, any length."""

import hmac
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import field
from typing import ClassVar

from analyzer.core.frozen import frozen
from analyzer.core.secrets import Secret
from analyzer.crypto.srtp.ciphers import HmacSha1, counter_mode, gcm_open
from analyzer.crypto.srtp.kdf import Label, derive
from analyzer.crypto.srtp.packets import RtcpParts, RtpParts, extension_mask, rtcp_parts, rtp_parts
from analyzer.crypto.srtp.reasons import Reason
from analyzer.crypto.srtp.suites import Suite

_KEPT_EPOCHS = 4  # sets of session keys kept where a key derivation rate makes new ones


def _nothing(iv: bytes, data: bytes) -> bytes:  # noqa: ARG001 - stands in for a cipher
    return data


@frozen
class _Session:
    """The session keys of one epoch and direction, as keyed primitives."""

    salt: int = field(repr=False)
    crypt: Callable[[bytes, bytes], bytes] = _nothing
    mac: HmacSha1 | None = None
    gcm: Callable[[bytes, bytes, bytes, bytes], bytes | None] | None = None
    extension: Callable[[bytes, bytes], bytes] = _nothing
    extension_salt: int = field(default=0, repr=False)


class SrtpContext:
    """A master key with all that decides how packets are protected under it (RFC 3711 3.2, RFC 4568 6).

    `kdr` is the exponent n of the SDES parameter KDR=n: new session keys every 2**n packets, never for 0.
    `unauthenticated` is honoured for HMAC suites and SRTP only (RFC 4568 6.3.3, RFC 7714 13.1); whether an SRTCP
    packet is encrypted is read from its E bit, so `unencrypted_srtcp` only records what was agreed.
    `encrypted_extensions` are the extmap identifiers whose elements are encrypted (RFC 6904). `rtp_tag` and
    `rtcp_tag` override the suite's tag lengths in bytes.

    Raises ValueError, which shows no key, for key or salt of the wrong length and for other impossible parameters.
    """

    __slots__ = (
        "_epochs",
        "_master",
        "_salt",
        "encrypted_extensions",
        "kdr",
        "mki",
        "rtcp_tag",
        "rtp_tag",
        "suite",
        "unauthenticated",
        "unencrypted_srtcp",
        "unencrypted_srtp",
    )
    TAGS: ClassVar[dict[str, tuple[int, ...]]] = {"gcm": (8, 12, 16)}

    def __init__(
        self,
        suite: Suite,
        master: Secret,
        salt: Secret,
        *,
        mki: bytes = b"",
        kdr: int = 0,
        unencrypted_srtp: bool = False,
        unencrypted_srtcp: bool = False,
        unauthenticated: bool = False,
        encrypted_extensions: Collection[int] = (),
        rtp_tag: int | None = None,
        rtcp_tag: int | None = None,
    ) -> None:
        if len(master) != suite.key or len(salt) != suite.salt:
            raise ValueError(
                f"{suite.name} has a key of {suite.key} and a salt of {suite.salt} bytes, "
                f"not {len(master)} and {len(salt)}"
            )
        if not 0 <= kdr <= 24:
            raise ValueError(f"a key derivation rate is 2**1 to 2**24 (RFC 4568 6.3.1), not 2**{kdr}")
        if len(mki) > 128:
            raise ValueError("a master key identifier has at most 128 bytes (RFC 4568 6.1)")
        self.suite = suite
        self.mki = bytes(mki)
        self.kdr = kdr
        self.unencrypted_srtp = unencrypted_srtp
        self.unencrypted_srtcp = unencrypted_srtcp
        self.unauthenticated = unauthenticated and suite.cipher != "gcm"
        self.encrypted_extensions = frozenset(encrypted_extensions)
        self.rtp_tag = 0 if self.unauthenticated else self._tag(suite.rtp_tag, rtp_tag)
        self.rtcp_tag = self._tag(suite.rtcp_tag, rtcp_tag)
        self._master = master
        self._salt = salt
        self._epochs: dict[tuple[bool, int], _Session] = {}

    def with_extensions(self, encrypted: Collection[int]) -> "SrtpContext":
        """The same key where the header extension elements with these identifiers are encrypted."""
        if self.encrypted_extensions == frozenset(encrypted):
            return self
        return SrtpContext(
            self.suite,
            self._master,
            self._salt,
            mki=self.mki,
            kdr=self.kdr,
            unencrypted_srtp=self.unencrypted_srtp,
            unencrypted_srtcp=self.unencrypted_srtcp,
            unauthenticated=self.unauthenticated,
            encrypted_extensions=encrypted,
            rtp_tag=None if self.unauthenticated else self.rtp_tag,
            rtcp_tag=self.rtcp_tag,
        )

    def __repr__(self) -> str:
        return f"SrtpContext({self.suite.name}, mki={self.mki.hex() or None})"

    @property
    def master_and_salt(self) -> tuple[Secret, Secret]:
        """The master key and its salt."""
        return self._master, self._salt

    @property
    def material(self) -> Secret:
        """Key and salt in one."""
        return Secret(self._master.reveal() + self._salt.reveal())

    def unprotect_rtp(self, packet: bytes, roc: int) -> bytes | Reason:
        """The plain RTP packet of an SRTP packet at roll-over counter `roc` (RFC 3711 3.3)."""
        parts = self.split_rtp(packet)
        return parts if isinstance(parts, Reason) else self.open_rtp(parts, roc)

    def unprotect_rtcp(self, packet: bytes) -> bytes | Reason:
        """The plain RTCP compound packet of an SRTCP packet (RFC 3711 3.4)."""
        parts = self.split_rtcp(packet)
        return parts if isinstance(parts, Reason) else self.open_rtcp(parts)

    def split_rtp(self, packet: bytes) -> RtpParts | Reason:
        """The parts of an SRTP packet, if it carries this key's MKI."""
        if not self.suite.opened:
            return Reason.UNSUPPORTED_SUITE
        parts = rtp_parts(packet, self.rtp_tag, len(self.mki), self.suite.cipher == "gcm")
        if isinstance(parts, RtpParts) and parts.mki != self.mki:
            return Reason.MKI_UNKNOWN
        return parts

    def split_rtcp(self, packet: bytes) -> RtcpParts | Reason:
        """The parts of an SRTCP packet, if it carries this key's MKI."""
        if not self.suite.opened:
            return Reason.UNSUPPORTED_SUITE
        parts = rtcp_parts(packet, self.rtcp_tag, len(self.mki), self.suite.cipher == "gcm")
        if isinstance(parts, RtcpParts) and parts.mki != self.mki:
            return Reason.MKI_UNKNOWN
        return parts

    def open_rtp(self, parts: RtpParts, roc: int) -> bytes | Reason:
        """Verifies and decrypts at one roll-over counter; the tag is checked before anything is decrypted."""
        index = (roc & 0xFFFFFFFF) << 16 | parts.seq
        session = self._session(False, index)
        packet, header, end = parts.packet, parts.header, parts.body_end
        if session.gcm:
            nonce = ((parts.ssrc << 48 | index) ^ session.salt).to_bytes(12, "big")
            clear = end if self.unencrypted_srtp else header
            plain = session.gcm(nonce, packet[clear:end], parts.tag, packet[:clear])
            if plain is None:
                return Reason.TAG_FAILED
            plain = packet[header:clear] + plain
        else:
            if session.mac and parts.tag:
                expected = session.mac(packet[:end], (index >> 16).to_bytes(4, "big"))
                if not hmac.compare_digest(expected[: len(parts.tag)], parts.tag):
                    return Reason.TAG_FAILED
            plain = packet[header:end]
            if not self.unencrypted_srtp:
                plain = session.crypt(_counter(session.salt, parts.ssrc, index), plain)
        return self._plain_header(parts, session, index) + plain

    def find_rtp(self, parts: RtpParts, rocs: Iterable[int]) -> tuple[int, bytes] | None:
        """The first of `rocs` at which the packet verifies, with the plain packet."""
        if self.suite.cipher != "gcm" and parts.tag:
            rocs = self._authentic(parts, rocs)
        for roc in rocs:
            plain = self.open_rtp(parts, roc)
            if isinstance(plain, bytes):
                return roc, plain
        return None

    def _authentic(self, parts: RtpParts, rocs: Iterable[int]) -> Iterator[int]:
        """Those of `rocs` at which the tag is right: the packet is hashed once for all that share an epoch."""
        signed, size, known, mac = parts.packet[: parts.body_end], len(parts.tag), -1, None
        for roc in rocs:
            epoch = (roc << 16 | parts.seq) >> self.kdr if self.kdr else 0
            if mac is None or epoch != known:
                key = derive(self._master, self._salt, Label.RTP_AUTH, self.suite.auth_key, epoch)
                known, mac = epoch, HmacSha1(key).over(signed)
            if hmac.compare_digest(mac(roc.to_bytes(4, "big"))[:size], parts.tag):
                yield roc

    def open_rtcp(self, parts: RtcpParts) -> bytes | Reason:
        """Verifies and decrypts an SRTCP packet at the index it carries."""
        session = self._session(True, parts.srtcp_index)
        packet, end = parts.packet, parts.body_end
        clear = 8 if parts.encrypted else end
        if session.gcm:
            nonce = ((parts.ssrc << 48 | parts.srtcp_index) ^ session.salt).to_bytes(12, "big")
            plain = session.gcm(nonce, packet[clear:end], parts.tag, packet[:clear] + parts.word)
            return Reason.TAG_FAILED if plain is None else packet[:clear] + plain
        if session.mac:
            expected = session.mac(packet[:end], parts.word)
            if not hmac.compare_digest(expected[: len(parts.tag)], parts.tag):
                return Reason.TAG_FAILED
        return packet[:clear] + session.crypt(_counter(session.salt, parts.ssrc, parts.srtcp_index), packet[clear:end])

    def _plain_header(self, parts: RtpParts, session: _Session, index: int) -> bytes:
        header = parts.packet[: parts.header]
        if not self.encrypted_extensions or not header[0] & 0x10:
            return header
        start = 16 + 4 * (header[0] & 0x0F)
        iv = _counter(session.extension_salt, parts.ssrc, index)
        plain = session.extension(iv, header[start:])
        out = bytearray(header)
        for left, right in extension_mask(parts.packet, parts.header, self.encrypted_extensions):
            out[left:right] = plain[left - start : right - start]
        return bytes(out)

    def _session(self, rtcp: bool, index: int) -> _Session:
        epoch = (rtcp, index >> self.kdr if self.kdr else 0)
        session = self._epochs.get(epoch)
        if session is None:
            session = self._derive(*epoch)
            while len(self._epochs) >= _KEPT_EPOCHS:
                del self._epochs[next(iter(self._epochs))]
            self._epochs[epoch] = session
        return session

    def _derive(self, rtcp: bool, epoch: int) -> _Session:
        suite = self.suite
        first = Label.RTCP_KEY if rtcp else Label.RTP_KEY

        def key(label: int, size: int) -> Secret:
            return derive(self._master, self._salt, label, size, epoch)

        salt = int.from_bytes(key(first + 2, suite.salt).reveal(), "big")
        cipher_key = key(first, suite.key)
        extension: Callable[[bytes, bytes], bytes] = _nothing
        extension_salt = 0
        if self.encrypted_extensions and not rtcp and suite.encrypts:
            extension = counter_mode(key(Label.EXTENSION_KEY, suite.key))
            extension_salt = int.from_bytes(key(Label.EXTENSION_SALT, suite.salt).reveal().ljust(14, b"\0"), "big")
        if suite.cipher == "gcm":
            opened = gcm_open(cipher_key, self.rtcp_tag if rtcp else self.rtp_tag)
            return _Session(salt, gcm=opened, extension=extension, extension_salt=extension_salt)
        crypt: Callable[[bytes, bytes], bytes] = counter_mode(cipher_key) if suite.encrypts else _nothing
        mac = HmacSha1(key(first + 1, suite.auth_key))
        return _Session(salt, crypt, mac, extension=extension, extension_salt=extension_salt)

    def _tag(self, default: int, override: int | None) -> int:
        if override is None:
            return default
        allowed = self.TAGS.get(self.suite.cipher, (4, 10))
        if override not in allowed:
            raise ValueError(f"{self.suite.name} has tags of {allowed} bytes, not {override}")
        return override


def _counter(salt: int, ssrc: int, index: int) -> bytes:
    """The counter block of AES-CM (RFC 3711 4.1.1)."""
    return ((salt << 16) ^ (ssrc << 64) ^ (index << 16)).to_bytes(16, "big")


def split_material(suite: Suite, material: Secret) -> tuple[Secret, Secret] | None:
    """Master key and salt out of both in one, as SDES has them inline (RFC 4568 6.1); None for a wrong length."""
    raw = material.reveal()
    if len(raw) != suite.key + suite.salt:
        return None
    return Secret(raw[: suite.key]), Secret(raw[suite.key :])
