"""Every example in the documentation lints."""

import re

from analyzer.rules.tooling import lint
from tests.conftest import ROOT


def test_examples_lint(tmp_path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "rules-writing.md").read_text("utf-8"), re.DOTALL)
    assert examples
    for number, example in enumerate(examples):
        path = tmp_path / f"{number}.yaml"
        path.write_text(example, "utf-8")
        assert lint([path]) == []
