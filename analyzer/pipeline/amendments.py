"""What becomes known of calls when their rows have been written: how they are related, and some conferences."""

import json
from collections.abc import Sequence

from analyzer.pipeline.closing import Closer
from analyzer.pipeline.places import Places
from analyzer.report.redact import Redactor
from analyzer.report.rows import encode_row
from analyzer.report.traffic import Relation as RelationRow
from analyzer.report.words import RelationRole
from analyzer.session.referral_facts import Relation


def amendments(closer: Closer, places: Places, redactor: Redactor) -> dict[int, dict[str, object]]:
    """By the place of a call among the rows: keys and values."""
    found: dict[int, dict[str, object]] = {}
    for call, conference in closer.conferences.settled.items():
        found.setdefault(_place(call), {})["conference"] = conference
    for call, rows in _related(closer.relations, places, redactor).items():
        found.setdefault(_place(call), {})["related"] = rows
    return found


def _place(call: str) -> int:
    return int(call.rpartition("-")[2]) - 1


def _related(relations: Sequence[Relation], places: Places, redactor: Redactor) -> dict[str, list[object]]:
    """For each call those that it asked for, and those that asked for it."""
    found: dict[str, list[object]] = {}
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
                found.setdefault(call, []).append(json.loads(encode_row(redactor.row(row))))
    return found
