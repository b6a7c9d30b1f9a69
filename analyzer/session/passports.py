"""Signed identities (STIR): each PASSporT of a message, verified offline and held against the message that carries it.

Time is the capture's. A certificate is one the user trusts, or one in the token that a chain joins to such a one.
"""

import base64
import binascii
import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from cryptography import x509

from analyzer.core.limits import SECOND_NS
from analyzer.core.text import safe
from analyzer.core.unknown import Tristate, Unknown
from analyzer.crypto.passport import ES256, es256_key, signed_by
from analyzer.formats.headers import split
from analyzer.formats.passport import Json, Passport, parse_passport, serialize
from analyzer.formats.uri import parse_name_addr, parse_uri
from analyzer.session.model.people import Passport as PassportEntity
from analyzer.session.placement import Placement
from analyzer.session.records import MessageRecord
from analyzer.session.trust import Trust, authority_of, is_authority

FRESH_S = 60  # RFC 8224 4.1, 12.1
MAX_PER_MESSAGE = 16
_TRIED = 64  # certificates tried on one token
_VERIFIED = 4_096  # outcomes remembered
_TOKENS = 100_000  # tokens remembered
_CHAIN = 4  # certificates read out of an x5c
_NUMBER = frozenset("0123456789")
_SEPARATORS = str.maketrans("", "", "-.() ")


@dataclass(frozen=True, slots=True)
class Signature:
    """Whether a signature verifies, and with which certificate."""

    valid: Tristate
    certificate: x509.Certificate | None = None
    chain: tuple[x509.Certificate, ...] = ()


def canonical(uri: str) -> tuple[str, str]:
    """An identity as PASSporT names it: ("tn", digits) of a telephone number, else ("uri", normalised) (RFC 8224 8)."""
    parsed = parse_uri(uri)
    user = parsed.user.partition(";")[0].translate(_SEPARATORS)
    digits = user.removeprefix("+")
    phone = parsed.scheme == "tel" or parsed.params.get("user") == "phone" or user.startswith("+") or len(digits) >= 7
    if phone and digits and _NUMBER.issuperset(digits):
        return "tn", digits
    if parsed.scheme in ("sip", "sips"):
        return (
            "uri",
            f"{parsed.scheme}:{parsed.user}@{parsed.host}" if parsed.user else f"{parsed.scheme}:{parsed.host}",
        )
    return "uri", uri.strip()


def claimed(numbers: Iterable[str], uris: Iterable[str]) -> set[tuple[str, str]]:
    """The identities of a claim in canonical form."""
    return {("tn", number.lstrip("+")) for number in numbers} | {canonical(uri) for uri in uris}


def _uris(values: Iterable[str]) -> list[str]:
    return [parse_name_addr(part).uri for value in values for part in split(value)]


class Passports:
    """Verifies with the certificates given; remembers tokens, to tell one that is used again."""

    def __init__(self, trust: Trust | None = None) -> None:
        self.trust = trust or Trust()
        self._outcomes: OrderedDict[bytes, Signature] = OrderedDict()
        self._passed: dict[bytes, dict[tuple[int, int], str]] = {}

    def entities(self, message: MessageRecord, placement: Placement) -> Iterator[PassportEntity]:
        """Every PASSporT of a message, in order."""
        values = [part for value in message.all("identity") for part in split(value)]
        for value in values[:MAX_PER_MESSAGE]:
            yield self._entity(parse_passport(value), message, placement)

    def _entity(self, passport: Passport, message: MessageRecord, placement: Placement) -> PassportEntity:
        src, dst = message.carrier.endpoints.src.ip, message.carrier.endpoints.dst.ip
        ends = placement.ends(src, dst)
        callers = {canonical(uri) for uri in (*message.asserted, *_uris(message.all("from"))) if uri}
        called = {canonical(uri) for uri in (*_uris(message.all("to")), message.request_uri) if uri}
        prints = _fingerprints(message)
        iat = passport.iat if not passport.compact else _date(message)
        found = self._signature(passport, message, prints, iat)
        problems = passport.problems
        if passport.compact and passport.ppt == "shaken":
            problems = (*problems, "shaken in compact form")
        age: int | Unknown = Unknown.of("message", "a time in the PASSporT, or a Date header")
        if iat is not None:
            age = message.ts_ns // SECOND_NS - iat
        return PassportEntity(
            form="compact" if passport.compact else "full",
            ppt=safe(passport.ppt, 20),
            attest=passport.attest if passport.attest in ("A", "B", "C") else "",
            well_formed=not problems,
            problems=problems,
            signature=found.valid,
            certificate_trusted=self._trusted(found, message.ts_ns),
            numbers_listed=_listed(found),
            authorised=_authorised(found, passport),
            age_s=age,
            fresh=age if isinstance(age, Unknown) else abs(age) <= FRESH_S,
            reused=self._reused(passport, message, src, dst),
            orig_matches=_matches(passport, passport.orig.numbers, passport.orig.uris, callers, found.valid),
            dest_matches=_matches(passport, passport.dest.numbers, passport.dest.uris, called, found.valid),
            media_due=bool(prints),
            media_bound=_bound(passport, prints, found.valid),
            from_addr=ends.from_node,
            to_addr=ends.to_node,
            from_node=ends.from_node,
            to_node=ends.to_node,
            first=message.cites,
        )

    # -- signature ---------------------------------------------------------------------------------------------------

    def _signature(
        self, passport: Passport, message: MessageRecord, prints: set[tuple[str, str]], iat: int | None
    ) -> Signature:
        if passport.alg and passport.alg != ES256:
            return Signature(False)
        if not passport.signature:
            return Signature(False)
        tokens = [passport.token] if not passport.compact else _rebuilt(passport, message, prints, iat)
        if not tokens:
            return Signature(Unknown.of("message", "what the compact PASSporT leaves to be rebuilt: Date, From and To"))
        digest = hashlib.blake2b("\n".join(tokens).encode("utf-8", "replace"), digest_size=16).digest()
        known = self._outcomes.get(digest)
        if known is None:
            known = self._outcomes[digest] = self._verify(passport, tokens)
            if len(self._outcomes) > _VERIFIED:
                self._outcomes.popitem(last=False)
        return known

    def _verify(self, passport: Passport, tokens: list[str]) -> Signature:
        """A wrong signature and an unknown signer look the same. With no other certificates at hand than authorities'
        the signer is unknown: any of them may have issued the certificate that is missing."""
        chain = _embedded(passport)
        signers = (*chain[:1], *self.trust.signers)
        authorities = self.trust.authorities
        for certificate in (*signers, *authorities)[:_TRIED]:
            key = es256_key(certificate)
            if key is not None and any(signed_by(token, key) for token in tokens):
                return Signature(True, certificate, chain)
        if signers and len(signers) <= _TRIED:
            return Signature(False)
        where = safe(passport.info or passport.x5u or "", 100)
        missing = f"the certificate of the signer{f', published at {where}' if where else ''} (--trust)"
        if authorities and not signers:
            missing += "; the authorities given did not sign it themselves, and the token holds no certificate"
        return Signature(Unknown.of("key", missing))

    def _trusted(self, found: Signature, ts_ns: int) -> Tristate:
        if isinstance(found.valid, Unknown):
            return found.valid
        if found.certificate is None:
            return False
        if not len(self.trust):
            return Unknown.of("key", "the authority that issued the certificate in the PASSporT (--trust)")
        return self.trust.anchors(found.certificate, found.chain[1:], ts_ns)

    # -- use ---------------------------------------------------------------------------------------------------------

    def _reused(self, passport: Passport, message: MessageRecord, src: int, dst: int) -> Tristate:
        digest = hashlib.blake2b(passport.token.encode("utf-8", "replace"), digest_size=16).digest()
        known = self._passed.get(digest)
        if known is None:
            if len(self._passed) >= _TOKENS:
                return Unknown.of("message", "tokens beyond those remembered")
            known = self._passed[digest] = {}
        if len(known) >= MAX_PER_MESSAGE and (src, dst) not in known:
            return Unknown.of("message", "hops beyond those remembered for a token")
        return known.setdefault((src, dst), message.call_id) != message.call_id


def _matches(
    passport: Passport, numbers: Iterable[str], uris: Iterable[str], said: set[tuple[str, str]], valid: Tristate
) -> Tristate:
    """Whether a claim names one of those in the message; a compact token that verifies was made from them."""
    if passport.compact:
        return valid if valid is True else Unknown.of("key", "the signature of a compact PASSporT")
    return bool(claimed(numbers, uris) & said)


def _bound(passport: Passport, prints: set[tuple[str, str]], valid: Tristate) -> Tristate:
    if passport.compact:
        return valid if valid is True else Unknown.of("key", "the signature of a compact PASSporT")
    return prints <= set(passport.mky or ())


def _listed(found: Signature) -> Tristate:
    if found.certificate is None:
        return False if found.valid is False else Unknown.of("key", "the certificate of the signer (--trust)")
    authority = authority_of(found.certificate)
    return authority is not None and bool(authority.numbers or authority.ranges)


def _authorised(found: Signature, passport: Passport) -> Tristate:
    authority = authority_of(found.certificate) if found.certificate is not None else None
    held = authority.holds(passport.orig.numbers[0]) if authority is not None and passport.orig.numbers else None
    return Unknown.of("key", "a certificate that lists telephone numbers") if held is None else held


def _fingerprints(message: MessageRecord) -> set[tuple[str, str]]:
    media = message.sdp.media if message.sdp is not None else ()
    return {(print_.algorithm.lower(), print_.digest.hex()) for line in media for print_ in line.fingerprints}


def _date(message: MessageRecord) -> int | None:
    values = message.all("date")
    try:
        return int(parsedate_to_datetime(values[0][:64]).timestamp()) if values else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _rebuilt(passport: Passport, message: MessageRecord, prints: set[tuple[str, str]], iat: int | None) -> list[str]:
    """The tokens a compact form may stand for: the caller is From's or an asserted identity (RFC 8224 4.1)."""
    if iat is None or passport.ppt:
        return []
    header: Json = {"alg": ES256, "typ": "passport", "x5u": passport.info}
    called = [canonical(uri) for uri in _uris(message.all("to"))][:1]
    callers = [canonical(uri) for uri in (*_uris(message.all("from"))[:1], *message.asserted[:2])]
    tokens = []
    for kind, caller in dict.fromkeys(callers):
        for form, to in called:
            claims: Json = {"dest": {form: [to]}, "iat": iat, "orig": {kind: caller}}
            if prints:
                ordered = sorted(prints, key=lambda item: item[0] + item[1])
                claims["mky"] = [{"alg": name, "dig": digest.upper()} for name, digest in ordered]
            tail = passport.token.rpartition(".")[2]
            tokens.append(f"{serialize(header)}.{serialize(claims)}.{tail}")
    return tokens


def _embedded(passport: Passport) -> tuple[x509.Certificate, ...]:
    """The certificates of an x5c header, signer first (RFC 7515 4.1.6)."""
    listed = passport.header.get("x5c")
    found = []
    for item in listed[:_CHAIN] if isinstance(listed, list) else []:
        try:
            found.append(x509.load_der_x509_certificate(base64.b64decode(item, validate=True)))
        except (binascii.Error, ValueError, TypeError):
            break
    return tuple(found) if found and not is_authority(found[0]) else ()
