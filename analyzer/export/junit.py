"""JUnit XML: one test suite a rule pack, one case a rule, so that CI shows red and green."""

import xml.etree.ElementTree as ET
from collections import defaultdict
from typing import BinaryIO

from analyzer.export.options import ExportOptions, ordered
from analyzer.report.border import clean, scrub
from analyzer.report.model import Finding, Report, RuleRow


def _text(value: str) -> str:
    """Without what XML 1.0 forbids: `clean` leaves no control and no surrogate; U+FFFE and U+FFFF are unassigned."""
    return scrub(clean(value))


def write_junit(report: Report, out: BinaryIO, options: ExportOptions) -> None:
    """A rule with failed findings is a failure, one with open verdicts alone (or nothing to judge) is skipped.

    With `all_verdicts` open verdicts fail too. Accepted findings do not fail a case.
    """
    findings: dict[str, list[Finding]] = defaultdict(list)
    for finding in ordered(report.findings):
        if finding.accepted is None:
            findings[finding.rule].append(finding)
    packs: dict[str, list[RuleRow]] = defaultdict(list)
    for row in report.rules:
        packs[row.pack].append(row)
    root = ET.Element("testsuites", name="mediasec")
    for pack in sorted(packs):
        suite = ET.SubElement(root, "testsuite", name=_text(pack))
        for row in sorted(packs[pack], key=lambda rule: rule.id):
            _case(suite, row, findings.get(row.id, []), options)
        suite.set("tests", str(len(packs[pack])))
        for word, tag in (("failures", "failure"), ("skipped", "skipped")):
            suite.set(word, str(len(suite.findall(f"testcase/{tag}"))))
        suite.set("errors", "0")
    ET.indent(root)
    out.write(b'<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="utf-8") + b"\n")


def _case(suite: ET.Element, row: RuleRow, findings: list[Finding], options: ExportOptions) -> None:
    case = ET.SubElement(suite, "testcase", classname=_text(row.pack), name=_text(f"{row.id} {row.title}"))
    failed = [f for f in findings if f.verdict == "fail" or options.all_verdicts]
    if failed:
        failure = ET.SubElement(case, "failure", type=row.severity, message=_text(failed[0].message))
        failure.text = "\n".join(_text(f"{f.id} {f.severity} {f.verdict}: {f.message}") for f in failed)
    elif row.open:
        ET.SubElement(case, "skipped", message=f"open: evidence missing for {row.open}")
    elif not row.passed and not row.fail:
        ET.SubElement(case, "skipped", message="nothing in the captures called for it")
