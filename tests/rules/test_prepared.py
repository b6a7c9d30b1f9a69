"""A bundled pack is what its YAML says, though it is not parsed again."""

import json
from pathlib import Path

import pytest

from analyzer.formats import yaml_tree
from analyzer.formats.yaml_file import read
from analyzer.rules import prepared
from analyzer.rules.bundled import bundled_rules_dir
from analyzer.rules.load import load_rules
from tests.generate_docs import packs

PACKS = sorted(bundled_rules_dir().glob("*.yaml"))


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.stem)
def test_the_tree_of_a_bundled_pack_is_that_of_its_text(pack: Path) -> None:
    root, problems = read(pack.read_bytes(), "")
    assert not problems
    assert prepared.prepared(pack.read_bytes() + b"\n") is None
    tree = prepared.prepared(pack.read_bytes())
    if tree is None:
        pytest.skip("not prepared since it was changed: run `make docs`")
    assert tree == root


def test_what_is_prepared_is_every_pack_and_needs_no_parser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, _ = load_rules([bundled_rules_dir()])
    (tmp_path / prepared.PREPARED).write_text(packs())
    monkeypatch.setattr(prepared, "bundled_rules_dir", lambda: tmp_path)
    prepared.forget()
    monkeypatch.setattr(yaml_tree, "parse", lambda text, name, problems: pytest.fail(f"{name} is parsed"))
    rules, problems = load_rules([bundled_rules_dir()])
    prepared.forget()
    assert [rule.id for rule in rules.rules] == [rule.id for rule in expected.rules]
    assert not problems


@pytest.mark.parametrize("content", ["", "[]", "{", json.dumps({"0" * 64: [1, 1, "x", False]})])
def test_without_prepared_trees_packs_are_parsed(content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, _ = load_rules([bundled_rules_dir()])
    (tmp_path / prepared.PREPARED).write_text(content)
    monkeypatch.setattr(prepared, "bundled_rules_dir", lambda: tmp_path)
    prepared.forget()
    rules, problems = load_rules([bundled_rules_dir()])
    prepared.forget()
    assert [rule.id for rule in rules.rules] == [rule.id for rule in expected.rules]
    assert not problems
