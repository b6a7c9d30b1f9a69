"""A gathered finding is small, and its row the same whether it is made as an object or as bytes."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from analyzer.capture.batch import Source
from analyzer.core.cites import Cite
from analyzer.core.severity import Verdict
from analyzer.core.unknown import Need
from analyzer.pipeline.findings import EVIDENCE, NEEDS, FindingRows, Gathered, Writer, packed
from analyzer.pipeline.places import Places
from analyzer.report.redact import Redactor
from analyzer.report.rows import encode_row
from analyzer.rules.bundled import bundled_rules_dir
from analyzer.rules.load import load_rules
from tests import factories

SOURCES = [Source(capture, interface, "", 1, 0, "") for capture in (0, 1) for interface in (0, 2)]
RULES = load_rules([bundled_rules_dir()])[0].rules
cites = st.builds(
    Cite,
    source=st.integers(0, 3),
    frame=st.integers(1, 30),
    offset=st.integers(0, 2**40),
    length=st.integers(0, 9000),
    ts_ns=st.integers(0, 2**62),
)
need = st.builds(Need, kind=st.sampled_from(["key", "topology"]), what=factories.texts())


def _writer() -> Writer:
    return Writer(Places(SOURCES), Redactor())


@given(
    st.sampled_from(RULES),
    st.sampled_from([Verdict.FAIL, Verdict.OPEN]),
    factories.texts(),
    st.dictionaries(st.sampled_from(["call", "from", "medium"]), factories.texts()),
    st.lists(cites, max_size=30),
    st.lists(need, max_size=NEEDS),
    st.integers(1, 10**9),
)
def test_a_finding_as_bytes_is_the_finding(rule, verdict, message, where, frames, wanting, times) -> None:  # type: ignore[no-untyped-def]  # by hypothesis
    writer = _writer()
    kept = Gathered(rule, "0" * 16, verdict, writer.shown(message, where), packed(frames), tuple(wanting), times)
    hostile = Gathered(
        replace(rule, title='"id":"" %s %(id)s "needs":[]'), *[getattr(kept, n) for n in kept.__slots__[1:]]
    )
    for gathered in (kept, replace(kept, occurrences=1), hostile):
        fresh = Writer(Places(SOURCES), Redactor()) if gathered is hostile else writer
        assert fresh.encoded(gathered) == encode_row(fresh.finding(gathered))


def test_later_occurrences_add_evidence_and_needs_up_to_a_bound() -> None:
    frame = [Cite(0, number, 0, 60, number) for number in range(1, 60)]
    kept = Gathered(RULES[0], "id", Verdict.OPEN, b"", packed(frame[:1]), (Need("key", "0"),))
    kept.again(frame[:1], [Need("key", "0")])
    assert (kept.evidence, kept.needs, kept.occurrences) == ((frame[0],), (Need("key", "0"),), 2)
    for number in range(1, 40):
        kept.again([frame[number]], [Need("key", str(number))])
    assert kept.evidence == tuple(frame[:EVIDENCE])
    assert [each.what for each in kept.needs] == [str(number) for number in range(NEEDS)]
    assert kept.occurrences == 41


def test_what_is_kept_is_redacted() -> None:
    writer = _writer()
    kept = Gathered(
        RULES[0], "id", Verdict.FAIL, writer.shown("sip:alice@a.example", {"from": "tel:+4930123456"}), b"", ()
    )
    assert kept.message == "sip:user-1@a.example"
    assert kept.where == {"from": "tel:user-2"}
    assert b"alice" not in kept.shown


def test_rows_are_worst_first_and_in_the_same_order_every_time() -> None:
    writer = _writer()
    many = [
        Gathered(rule, name, verdict, writer.shown("m", {}), b"", ())
        for rule in RULES
        for name in ("b", "a")
        for verdict in (Verdict.OPEN, Verdict.FAIL)
    ]
    rows = FindingRows(many, writer)
    assert len(rows) == len(many)
    assert list(rows) == [rows[index] for index in range(len(rows))]
    severities = ["critical", "high", "medium", "low", "info"]
    assert [severities.index(row.severity) for row in rows] == sorted(severities.index(row.severity) for row in rows)
    assert list(FindingRows(reversed(many), writer)) == list(rows)
