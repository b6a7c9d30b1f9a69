"""What rules see of an entity is no finer than they look at it, and never coarser."""

from dataclasses import replace
from typing import Any

import pytest

from analyzer.core.unknown import Unknown
from analyzer.rules.bundled import bundled_rules_dir
from analyzer.rules.compile import Compiled, Look, compile_expression
from analyzer.rules.load import load_rules
from analyzer.rules.reading import UNKNOWN, Reading
from analyzer.rules.tooling import build_entity
from analyzer.session.model import ENTITIES


@pytest.mark.parametrize(
    ("source", "looks"),
    [
        ("hop.packets > 0", {("hop.packets", 0)}),
        ("hop.packets == 3 || hop.packets <= 9", {("hop.packets", 2), ("hop.packets", 3), ("hop.packets", 9)}),
        ("hop.packets >= 3 && !(hop.packets < 8)", {("hop.packets", 2), ("hop.packets", 7)}),
        ("hop.packets + 1 > 2", {("hop.packets", "whole")}),
        ("hop.packets > hop.dtmf_packets", {("hop.packets", "whole"), ("hop.dtmf_packets", "whole")}),
        ("0 < hop.packets", {("hop.packets", "whole")}),
        ("hop.packets in [1, 2]", {("hop.packets", "whole")}),
        ("hop.packets > 0 && hop.packets != hop.dtmf_packets", None),
        ("size(hop.zones) > 1", {("hop.zones", "size")}),
        ("size(hop.medium) > 1", {("hop.medium", "size")}),
        ("size(hop.zones.filter(z, z == 'core')) > 1", {("hop.zones", "whole")}),
        ("hop.zones.exists(z, size(z) > 1)", {("hop.zones", "whole")}),
        ("hop.medium == 'audio'", {("hop.medium", "whole")}),
        ("has(hop.packets)", {("hop.packets", "whole")}),
    ],
)
def test_how_closely_an_expression_looks(source: str, looks: set[tuple[str, Look]] | None) -> None:
    compiled = compile_expression(source, "hop", ENTITIES["media_hop"])
    assert isinstance(compiled, Compiled), compiled
    found = set(compiled.looks)
    assert found == looks if looks is not None else ("hop.packets", "whole") in found
    assert {path for path, _ in compiled.reads} <= {path for path, _ in found}


def _reading(kind: str) -> tuple[Reading, Any]:
    rules = load_rules([bundled_rules_dir()])[0].by_kind[kind]
    return Reading(ENTITIES[kind], rules), build_entity(ENTITIES[kind], {})


def test_packets_count_by_whether_there_are_any() -> None:
    reading, hop = _reading("media_hop")
    none, some, more = (reading.key(replace(hop, packets=packets)) for packets in (0, 500, 501))
    assert some == more != none


def test_identities_count_by_their_number() -> None:
    reading, message = _reading("sip_message")
    one, another, two = (
        reading.key(replace(message, asserted=uris)) for uris in (("sip:a@b",), ("sip:c@d",), ("sip:a@b", "tel:+1"))
    )
    assert one == another != two


def test_what_is_unknown_is_marked_by_its_name() -> None:
    reading, hop = _reading("media_hop")
    unseen = Unknown.of("message", "the registration of 10.0.0.1")
    entity = replace(hop, mediasec=replace(hop.mediasec, both_announced=unseen), access=unseen)
    key = reading.key(entity)
    assert key.count(UNKNOWN) >= 2
    marked = reading.marked(entity, key)
    assert [need.what for need in marked.mediasec.both_announced.needs] == ["mediasec.both_announced"]
    assert [need.what for need in marked.access.needs] == ["access"]
    assert reading.marked(marked, reading.key(marked)) == marked
