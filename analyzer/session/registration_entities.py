"""A registration binding as rules see it."""

from analyzer.core.addresses import ip_text
from analyzer.core.unknown import Tristate, Unknown
from analyzer.session.hops import named
from analyzer.session.model.signalling import Registration
from analyzer.session.placement import Placement
from analyzer.session.registrations import CHALLENGES, Binding
from analyzer.session.security_lists import (
    SecurityList,
    complete,
    encrypts,
    media_names,
    names,
    preferences_distinct,
    sane,
)


def registration_entity(binding: Binding, placement: Placement) -> Registration:
    """The binding with what is unknown about it."""
    where = ip_text(binding.ue)
    client, server = binding.listed(binding.client), binding.listed(binding.server)
    no_client = Unknown.of("message", f"a whole registration of {where} with its answer")
    no_server = Unknown.of("message", f"the answers to the REGISTERs of {where}")
    return Registration(
        aor=binding.aor,
        ue=named(placement, binding.ue),
        ue_node=placement.node(binding.ue),
        client_mechanisms=no_client if client is None else names(client),
        server_mechanisms=_or(server, no_server),
        client_media=no_client if client is None else media_names(client),
        server_media=_media_or(server, no_server),
        first_unprotected=_unprotected(binding, where),
        echo_due=_due(binding, client, no_client),
        echo_equal=_or_unknown(binding.echo, f"the REGISTER of {where} that answers Security-Server"),
        client_repeated=_or_unknown(binding.repeat, f"both REGISTERs of {where}"),
        client_tags=_or_unknown(binding.tags, f"the first REGISTER of {where}, whole"),
        server_complete=no_server if server is None else complete(server),
        client_encrypts=no_client if client is None else encrypts(client),
        parameters_sane=_sane(client, server, no_client, no_server),
        preferences_distinct=_distinct(client, server, no_client, no_server),
        reagreed=binding.reagreed,
        server_ports_kept=_or_unknown(binding.ports_kept, f"two IPsec agreements of {where}"),
        spis_fresh=_or_unknown(binding.fresh, f"two IPsec agreements of {where}"),
        lists_altered=binding.altered,
        outcome=Unknown.of("message", "the answer to the REGISTER")
        if binding.outcome is None
        else str(binding.outcome),
        accepted=_accepted(binding, where),
        first=binding.cites,
    )


def _sane(client: SecurityList | None, server: SecurityList | None, no_client: Unknown, no_server: Unknown) -> Tristate:
    """What one list shows to be wrong stays wrong, whatever the other one has."""
    if not sane(client or (), server or ()):
        return False
    return no_client if client is None else no_server if server is None else True


def _distinct(
    client: SecurityList | None, server: SecurityList | None, no_client: Unknown, no_server: Unknown
) -> Tristate:
    if not all(map(preferences_distinct, (client or (), server or ()))):
        return False
    return no_client if client is None else no_server if server is None else True


def _or(elements: SecurityList | None, missing: Unknown) -> tuple[str, ...] | Unknown:
    return missing if elements is None else names(elements)


def _media_or(elements: SecurityList | None, missing: Unknown) -> tuple[str, ...] | Unknown:
    return missing if elements is None else media_names(elements)


def _or_unknown(known: Tristate | None, what: str) -> Tristate:
    return Unknown.of("message", what) if known is None else known


def _accepted(binding: Binding, where: str) -> Tristate:
    if binding.outcome is None or binding.outcome in CHALLENGES - {494}:
        return Unknown.of("message", f"how the registration of {where} ended")
    return binding.accepted


def _unprotected(binding: Binding, where: str) -> Tristate:
    found = binding.first_integrity
    if found is None:
        return Unknown.of("message", f"the first REGISTER of {where}")
    return found if isinstance(found, Unknown) else found == "no"


def _due(binding: Binding, client: SecurityList | None, missing: Unknown) -> Tristate:
    """A UE that sends Security-Client wants an agreement; one that got a list then has to repeat it."""
    if binding.verify:
        return True
    if client is None:
        return missing
    if not client:
        return False
    server = binding.listed(binding.server)
    if server is None:
        return Unknown.of("message", "the answer to the REGISTER")
    return bool(server)
