"""docs/ci.md: its example loads, and every option that it names is one."""

import re
from pathlib import Path

from analyzer.app.decision_files import load_decisions
from analyzer.cli.main import app
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")


def test_the_example_loads(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "accepted.yaml"
    path.write_text(example, encoding="utf-8")
    by_id, by_place = load_decisions(path, None, False).accepted
    assert by_id.finding
    assert dict(by_place.where) == {"from": "ue1", "medium": "audio"}


def test_its_options_are_those_of_analyze() -> None:
    import typer.main

    known = {option for each in typer.main.get_command(app).commands["analyze"].params for option in each.opts}  # type: ignore[attr-defined]  # a group
    assert set(re.findall(r"--[a-z][a-z-]+", PAGE)) <= known
