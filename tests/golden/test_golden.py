"""The reports of the sample, byte for byte. After a change that means to change them: see regenerate.py."""

import jsonschema_rs
import pytest

from analyzer.report.schema import SCHEMA_FILE
from tests.conftest import ROOT
from tests.golden.regenerate import GOLDEN, Golden, report
from tests.golden.runs import tree


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.file)
def test_report_is_the_golden_one(golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    # line by line: one row of the report a line
    assert report(golden).split(b"\n") == golden.path.read_bytes().split(b"\n")


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.file)
def test_golden_report_is_valid(golden: Golden) -> None:
    validator = jsonschema_rs.Draft202012Validator(tree(SCHEMA_FILE.read_bytes()))
    validator.validate(tree(golden.path.read_bytes()))
