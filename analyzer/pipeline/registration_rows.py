"""Registrations as rows of the report."""

from analyzer.core.unknown import Unknown
from analyzer.pipeline.places import Places
from analyzer.report.traffic import Registration
from analyzer.session.placement import Placement
from analyzer.session.registration_entities import registration_entity
from analyzer.session.registrations import Binding


def registration_row(binding: Binding, placement: Placement, places: Places) -> Registration:
    """A binding; what is unknown about it is null."""
    entity = registration_entity(binding, placement)
    verified = entity.echo_equal if isinstance(entity.echo_equal, bool) else None
    return Registration(
        id=f"registration-{binding.ordinal}",
        aor=binding.aor,
        ue=entity.ue,
        client_mechanisms=_known(entity.client_mechanisms),
        server_mechanisms=_known(entity.server_mechanisms),
        client_mediasec=_known(entity.client_media),
        server_mediasec=_known(entity.server_media),
        verified=False if binding.altered else verified,
        outcome=str(binding.outcome) if binding.outcome is not None else None,
        evidence=tuple(places.cite(cite) for cite in binding.cites),
    )


def _known(value: tuple[str, ...] | Unknown) -> tuple[str, ...] | None:
    return None if isinstance(value, Unknown) else value
