"""Signed identities (STIR): each PASSporT of a message, verified offline and held against the message that carries it.

Time is the capture's. A certificate is one the user trusts, or one in the token that a chain joins to such a one.
"""

import base64
import binascii
import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from analyzer.core.frozen import frozen
from analyzer.core.limits import SECOND_NS
from analyzer.core.text import safe
from analyzer.core.unknown import Tristate, Unknown
from analyzer.crypto.certificate import read_certificate
from analyzer.crypto.passport import ES256, es256_key, signed_by
from analyzer.formats.headers import split
from analyzer.formats.passport import Json, Party, Passport, parse_passport, serialize
from analyzer.formats.uri import parse_name_addr, parse_uri
from analyzer.session.legs import CallState
from analyzer.session.model.people import Passport as PassportEntity
from analyzer.session.placement import Placement
from analyzer.session.records import MessageRecord
from analyzer.session.token_uses import TokenUses, tokens
from analyzer.session.trust import Trust, authority_of, is_authority

if TYPE_CHECKING:
    from cryptography import x509

FRESH_S = 60  # RFC 8224 4.1, 12.1
_TRIED = 64  # certificates tried on one token
_VERIFIED = 4_096  # outcomes remembered
_CHAIN = 4  # certificates read out of an x5c
_NUMBER = frozenset("0123456789")
_SEPARATORS = str.maketrans("", "", "-.() ")


@frozen
class Signature:
    """Whether a signature verifies, and with which certificate."""

    valid: Tristate
    certificate: "x509.Certificate | None" = None
    chain: "tuple[x509.Certificate, ...]" = ()


def canonical(uri: str) -> tuple[str, str]:
    """An identity as PASSporT names it: ("tn", digits) of a telephone number, else ("uri", normalised) (RFC 8224 8)."""
    parsed = parse_uri(uri)
    user = parsed.user.partition(";")[0].translate(_SEPARATORS)
    digits = user.removeprefix("+")
    phone = parsed.scheme == "tel" or parsed.params.get("user") == "phone" or user.startswith("+") or len(digits) >= 7
    if phone and digits and _NUMBER.issuperset(digits):
        return "tn", digits
    return _as_uri(uri)


def _as_uri(uri: str) -> tuple[str, str]:
    """A URI normalised as RFC 8224 8.5 has it: scheme, user and host, all in lower case."""
    parsed = parse_uri(uri)
    if parsed.scheme not in ("sip", "sips"):
        return "uri", uri.strip()
    user = f"{parsed.user.lower()}@" if parsed.user else ""
    return "uri", f"{parsed.scheme}:{user}{parsed.host}"


def forms(uri: str) -> set[tuple[str, str]]:
    """Every form in which a claim may name an identity: that of RFC 8224 8.1, and a SIP URI as what it is."""
    return {canonical(uri), _as_uri(uri)}


def claimed(numbers: Iterable[str], uris: Iterable[str]) -> set[tuple[str, str]]:
    """The identities of a claim in canonical form. A SIP URI is its user at its host, whatever the user looks like."""
    named = {canonical(uri) if uri.strip().lower().startswith("tel:") else _as_uri(uri) for uri in uris}
    return {("tn", number.lstrip("+")) for number in numbers} | named


def _uris(values: Iterable[str]) -> list[str]:
    return [parse_name_addr(part).uri for value in values for part in split(value)]


class Passports:
    """Verifies with the certificates given; remembers tokens, to tell one that is used again."""

    def __init__(self, trust: Trust | None = None) -> None:
        self.trust = trust or Trust()
        self._outcomes: OrderedDict[bytes, Signature] = OrderedDict()
        self._uses = TokenUses()

    def entities(self, call: CallState, message: MessageRecord, placement: Placement) -> Iterator[PassportEntity]:
        """Every PASSporT of a message of a call, in order."""
        values = tokens(message)
        if not values:
            return
        prints = _fingerprints(message)
        read = []
        for value in values:
            passport = parse_passport(value)
            iat = passport.iat if not passport.compact else _date(message)
            read.append(_Read(value, passport, iat, self._signature(passport, message, prints, iat)))
        for each in read:
            yield self._entity(each, read, message, placement, self._uses.elsewhere(each.value, call), prints)

    def _entity(
        self,
        read: "_Read",
        beside: Sequence["_Read"],
        message: MessageRecord,
        placement: Placement,
        reused: Tristate,
        prints: set[tuple[str, str]],
    ) -> PassportEntity:
        passport, iat, found = read.passport, read.iat, read.signature
        ends = placement.ends(message.carrier.endpoints.src.ip, message.carrier.endpoints.dst.ip)
        callers = _named((*message.asserted, *_uris(message.all("from"))))
        called = _named((*_uris(message.all("to")), message.request_uri))
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
            reused=reused,
            orig_matches=_matches(passport, passport.orig, callers, found.valid),
            dest_matches=_reached(passport, called, found.valid, beside),
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


@frozen
class _Read:
    """A token of a message with the moment it claims and what its signature is."""

    value: str
    passport: Passport
    iat: int | None
    signature: Signature


def _named(uris: Iterable[str]) -> set[tuple[str, str]]:
    return {form for uri in uris if uri for form in forms(uri)}


def _matches(passport: Passport, party: Party, said: set[tuple[str, str]], valid: Tristate) -> Tristate:
    """Whether a claim names one of those in the message; a compact token that verifies was made from them."""
    if passport.compact:
        return valid if valid is True else Unknown.of("key", "the signature of a compact PASSporT")
    return bool(claimed(party.numbers, party.uris) & said)


def _reached(passport: Passport, called: set[tuple[str, str]], valid: Tristate, beside: Sequence[_Read]) -> Tristate:
    """Whether dest is the called, or whom a signed diversion beside it leads on from (RFC 8946 4.2)."""
    found = _matches(passport, passport.dest, called, valid)
    if found is not False:
        return found
    meant = claimed(passport.dest.numbers, passport.dest.uris)
    led = [
        each.signature.valid
        for each in beside
        if each.passport is not passport and meant & claimed(each.passport.div.numbers, each.passport.div.uris)
    ]
    return True if True in led else next((each for each in led if each is not False), False)


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
    """Whether the signer may speak for the caller; of a diversion, for who was called first (RFC 8946 3)."""
    authority = authority_of(found.certificate) if found.certificate is not None else None
    numbers = passport.div.numbers if passport.ppt in ("div", "div-o") else passport.orig.numbers
    held = authority.holds(numbers[0]) if authority is not None and numbers else None
    return Unknown.of("key", "a certificate that lists telephone numbers") if held is None else held


def _fingerprints(message: MessageRecord) -> set[tuple[str, str]]:
    media = message.sdp.media if message.sdp is not None else ()
    return {(print_.algorithm.lower(), print_.digest.hex()) for line in media for print_ in line.fingerprints}


def _date(message: MessageRecord) -> int | None:
    from email.utils import parsedate_to_datetime  # where the first token is looked at, as what verifies it

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


def _embedded(passport: Passport) -> "tuple[x509.Certificate, ...]":
    """The certificates of an x5c header, signer first (RFC 7515 4.1.6)."""
    listed = passport.header.get("x5c")
    found = []
    for item in listed[:_CHAIN] if isinstance(listed, list) else []:
        try:
            certificate = read_certificate(base64.b64decode(item, validate=True))
        except (binascii.Error, ValueError, TypeError):
            break
        if certificate is None:
            break
        found.append(certificate)
    return tuple(found) if found and not is_authority(found[0]) else ()
