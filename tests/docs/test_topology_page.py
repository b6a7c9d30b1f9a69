"""The example of docs/topology.md loads, its schema accepts it, and the page names every key and word there is."""

import re

import jsonschema_rs

from analyzer.formats.yaml_file import read
from analyzer.session.topology import POLICIES, ROLES, load
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "topology.md").read_text("utf-8")
EXAMPLE = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0].encode()


def test_the_example_loads() -> None:
    topology, problems = load(EXAMPLE, "example")
    assert [str(problem) for problem in problems] == []
    assert {zone.trust for zone in topology.zones} == {"inside", "outside", "peer"}


def test_the_shipped_schema_accepts_the_example_and_refuses_a_wrong_role() -> None:
    validator = jsonschema_rs.validator_for((ROOT / "docs" / "topology.schema.json").read_text("utf-8"))
    for text, good in ((EXAMPLE, True), (EXAMPLE.replace(b"role: ibcf", b"role: icbf"), False)):
        root, _ = read(text, "example")
        assert root is not None
        assert validator.is_valid(root.plain()) is good


def test_every_key_and_word_is_named() -> None:
    words = [*ROLES, *POLICIES, *(word for values in POLICIES.values() for word in values)]
    words += ["zones", "nodes", "trust_domain", "taps", "policy", "names", "correlation_headers", "post_decrypt"]
    assert [word for word in words if f"`{word}" not in PAGE] == []


def test_the_lab_topology_loads() -> None:
    assert load((ROOT / "samples" / "lab.topology.yaml").read_bytes(), "lab")[1] == []
