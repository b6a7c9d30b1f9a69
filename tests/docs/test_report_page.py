"""docs/report.md explains every word a report can hold."""

from typing import get_args

from analyzer.report.words import NeedWord, VerdictWord
from analyzer.rules.bundled import bundled_rules_dir
from analyzer.rules.load import load_rules
from analyzer.session.model.states import BfcpState, Evidence, MsrpState, RtpState, Scope, SipState
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "report.md").read_text("utf-8")


def test_every_word_is_explained() -> None:
    words = [word for kind in (NeedWord, VerdictWord, Evidence, Scope, SipState, RtpState) for word in get_args(kind)]
    words += [*get_args(MsrpState), *(word for word in get_args(BfcpState) if not word.startswith(("tls_", "dtls_")))]
    words += {caveat for rule in load_rules([bundled_rules_dir()])[0].rules for caveat in rule.caveats}
    assert [word for word in words if f"`{word}`" not in PAGE] == []
