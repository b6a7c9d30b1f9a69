"""ESP associations as rows of the report, with the reason of each that stays closed."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from analyzer.core.addresses import ip_text
from analyzer.core.unknown import Tristate, Unknown
from analyzer.pipeline.esp import EspHandler
from analyzer.pipeline.places import Places
from analyzer.report.traffic import EspSa
from analyzer.session.esp.table import Association
from analyzer.session.model.esp import EspSa as EspEntity
from analyzer.session.placement import Placement
from analyzer.session.registrations import Registrations

KeyNames: TypeAlias = dict[str, str]  # what the report calls a key, by the id of its entry


def esp_rows(handler: EspHandler, places: Places, names: Mapping[str, str]) -> Iterator[EspSa]:
    """One row an association, in order of first sight."""
    for number, association in enumerate(handler.table.all(), 1):
        yield _row(handler, association, f"esp-{number}", places, names)


def esp_notes(handler: EspHandler) -> Iterator[str]:
    """What the coverage says of ESP."""
    closed = sum(not association.opened for association in handler.table.all())
    if closed:
        them = "1 ESP association stays" if closed == 1 else f"{closed} ESP associations stay"
        yield f"{them} closed: what is inside is not in this report."
    if handler.unread:
        kinds = ", ".join(f"{count} {why}" for why, count in sorted(handler.unread.items()))
        yield f"{_packets(handler.unread.total())} out of ESP not read further: {kinds}."


def esp_place(sa_id: str, sa: EspEntity) -> dict[str, str]:
    """Which association."""
    return {"esp": sa_id, "from": sa.from_node, "to": sa.to_node}


def esp_entities(
    handler: EspHandler, placement: Placement, registrations: Registrations
) -> Iterator[tuple[str, EspEntity]]:
    """What rules judge of each association, by the id of its row."""
    for number, association in enumerate(handler.table.all(), 1):
        cipher, auth = _algorithms(handler, association)
        spi, tunnel = f"0x{association.spi:08x}", association.tunnel
        agreed = bool(handler.candidates.agreed(association.dst, association.spi))
        parties, stray = _stray(association, agreed, registrations)
        missing = Unknown.of("key", f"the key of ESP {spi} to {ip_text(association.dst)}")
        yield (
            f"esp-{number}",
            EspEntity(
                spi=spi,
                from_node=placement.node(association.src),
                to_node=placement.node(association.dst),
                access=placement.access(association.src, association.dst),
                cipher=missing if cipher is None else cipher,
                auth=missing if auth is None else auth,
                tunnel=missing if tunnel is None else tunnel,
                agreed=agreed,
                parties_agreed=parties,
                stray=stray,
                packets=association.packets,
                auth_failed=association.auth_failed,
                replayed=association.replayed,
                reused=association.reused,
                restarted=association.window.restarts,
                first=(association.first,),
            ),
        )


def _stray(association: Association, agreed: bool, registrations: Registrations) -> tuple[bool, Tristate]:
    """Whether the ends of an association agreed on some, and whether it is none of those."""
    pair = {association.src, association.dst}
    bindings = [
        binding
        for ue in pair
        for binding in registrations.of(ue)
        if binding.registrar in pair and binding.ue != binding.registrar and binding.agrees_on_ipsec
    ]
    if agreed or not bindings:
        return bool(bindings), False
    if all(binding.first_integrity == "no" for binding in bindings):
        return True, True
    return True, Unknown.of("message", "the first registration of this UE, which set up the associations before")


def _row(handler: EspHandler, association: Association, row_id: str, places: Places, names: Mapping[str, str]) -> EspSa:
    chosen = association.chosen
    cipher, auth = _algorithms(handler, association)
    tunnel = association.tunnel
    return EspSa(
        id=row_id,
        spi=f"0x{association.spi:08x}",
        src=ip_text(association.src),
        dst=ip_text(association.dst),
        cipher=cipher,
        auth=auth,
        key=names.get(chosen.entry.id) if chosen is not None else None,
        packets=association.packets,
        authenticated=association.authenticated if chosen is not None and chosen.opener.checked else None,
        decrypted=association.opened,
        evidence=(places.cite(association.first),),
        mode=None if tunnel is None else "tunnel" if tunnel else "transport",
        udp=any(association.ports),
        recognised_by=(
            "key" if chosen is not None
            else "agreement" if association.agreed_null or (cipher is not None and association.layout is None)
            else "structure" if association.layout is not None else None
        ),
        auth_failed=association.auth_failed,
        replayed=association.replayed,
        failure=_failure(handler, association),
    )  # fmt: skip


def _algorithms(handler: EspHandler, association: Association) -> tuple[str | None, str | None]:
    """Cipher and integrity algorithm: of the key, else of the agreement, else what the packets show."""
    if association.chosen is not None:
        opener = association.chosen.opener
        return opener.cipher, opener.cipher if opener.cipher in ("aes-gcm", "aes-gmac") else opener.auth
    agreed = {(one.ealg, one.alg) for one in handler.candidates.agreed(association.dst, association.spi)}
    if association.layout is not None:
        algorithms = {alg for ealg, alg in agreed if ealg == "null"}
        known = algorithms.pop() if association.agreed_null and len(algorithms) == 1 else None
        return "aes-gmac" if association.layout == (16, 8) else "null", known
    if len(agreed) == 1:
        cipher, auth = agreed.pop()
        return cipher, cipher if cipher == "aes-gcm" else auth
    return None, None


def _failure(handler: EspHandler, association: Association) -> str | None:
    """Why packets stay closed, for a person to act on; of an open association, what is still unproven."""
    reasons = []
    if association.truncated:
        reasons.append(f"{_packets(association.truncated)} cut off by the snap length")
    keys = len(association.candidates)
    which = f"{'the key' if keys == 1 else f'each of the {keys} keys'} that may be its"
    refused = f"the check value is wrong with {which}: a key of another association, or other algorithms"
    if association.senseless:
        refused = (
            "the check value is right with a key given, and what comes out makes no sense: another cipher or its key"
        )
    elif keys and not any(one.opener.checked for one in association.candidates):
        refused = f"its packets make no sense when opened with {which}: another key, or other algorithms"
    if association.chosen is not None:
        if association.auth_failed:
            reasons.append(
                f"{_packets(association.auth_failed)} with a wrong check value: changed, or under another key"
            )
        if not association.chosen.opener.checked:
            reasons.append("the key leaves the check value unchecked")
    elif association.layout is not None:
        reasons.append(f"read without a key; {refused}" if keys else "")
    elif association.closed > association.truncated or not association.truncated:
        reasons.append(refused if keys else _wanted(handler, association))
    return "; ".join(filter(None, reasons)) or None


def _packets(count: int) -> str:
    return "1 packet" if count == 1 else f"{count} packets"


def _wanted(handler: EspHandler, association: Association) -> str:
    if handler.candidates.agreed(association.dst, association.spi):
        return "no CK and IK for the registration that set it up: an ims-aka key would open it"
    other = handler.candidates.elsewhere(association.src, association.dst, association.spi)
    spi = f"0x{association.spi:08x} to {ip_text(association.dst)}"
    return f"no key for SPI {spi}: an esp-sa key would open it" + (f"; {other}" if other else "")
