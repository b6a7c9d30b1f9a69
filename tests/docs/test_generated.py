"""The committed pages and schemas are those the code makes, and the schemas say what the loaders say."""

import jsonschema_rs

from analyzer.formats.yaml_file import read
from analyzer.rules.bundled import bundled_rules_dir
from tests.conftest import ROOT
from tests.generate_docs import pages


def test_generated_files_are_current() -> None:
    made = pages()
    stale = [name for name, text in made.items() if not _is(name, text)]
    gone = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs/rules").glob("*.md")} - set(made)
    assert (stale, gone) == ([], set()), "run `make docs`"


def _is(name: str, text: str) -> bool:
    path = ROOT / name
    return path.is_file() and path.read_text("utf-8") == text


def test_the_shipped_packs_satisfy_the_shipped_schema() -> None:
    text = (ROOT / "rules" / "rule.schema.json").read_text("utf-8")
    validator = jsonschema_rs.validator_for(text)
    packs = sorted(bundled_rules_dir().glob("*.yaml"))
    assert packs
    for pack in packs:
        root, problems = read(pack.read_bytes(), pack.name)
        assert root is not None
        assert not problems
        assert [str(error) for error in validator.iter_errors(root.plain())] == []
