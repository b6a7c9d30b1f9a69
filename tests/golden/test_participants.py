"""Who takes part in a call: identities that the network asserted, not what a UE asserts of itself."""

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from tests.conftest import SAMPLES


def test_a_forged_assertion_makes_no_participant() -> None:
    """pai-spoof-removed: both UEs send PAI sip:chair@ims.example, which the P-CSCF replaces (FACTS.txt)."""
    keys = (SAMPLES / "pai-spoof-removed.tls-keylog.txt",)
    capture = (str(SAMPLES / "pai-spoof-removed.pcapng"),)
    report = analyze(Settings(captures=capture, keys=keys, reveal_identities=True), Silent()).report
    assert report is not None
    assert [set(call.participants) for call in report.calls] == [
        {"sip:ue1@ims.example", "sip:conf@ims.example"},
        {"sip:ue2@ims.example", "sip:conf@ims.example"},
    ]
