"""How calls are related, which is known when their rows are written: what is added to the rows at the end."""

import json
from collections.abc import Mapping, Sequence

from analyzer.pipeline.places import Places
from analyzer.report.redact import Redactor
from analyzer.report.rows import encode_row
from analyzer.report.traffic import Relation as RelationRow
from analyzer.report.words import RelationRole
from analyzer.session.referral_facts import Relation


def related_rows(relations: Sequence[Relation], places: Places, redactor: Redactor) -> dict[int, Mapping[str, object]]:
    """By the place of a call among the rows: `related`, for the call that asked and for the one that was asked for."""
    found: dict[int, list[object]] = {}
    for relation in relations:
        sides: tuple[tuple[str | None, RelationRole, str | None], ...] = (
            (relation.asking, "asks", relation.caused),
            (relation.caused, "asked_for", relation.asking),
        )
        for call, role, other in sides:
            if call is not None:
                row = RelationRow(
                    by="refer",
                    role=role,
                    score=relation.score,
                    call=other,
                    call_ids=relation.call_ids,
                    method=relation.method,
                    grounds=relation.grounds,
                    status=relation.status,
                    evidence=tuple(places.cite(cite) for cite in relation.cites),
                )
                found.setdefault(int(call.rpartition("-")[2]) - 1, []).append(json.loads(encode_row(redactor.row(row))))
    return {place: {"related": rows} for place, rows in found.items()}
