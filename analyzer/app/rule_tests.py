"""The tests of rules over real captures: each verdict counted against what the rule's author expects."""

from pathlib import Path

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent, WrongUse
from analyzer.core.severity import Verdict
from analyzer.formats.yaml_file import FileProblem
from analyzer.rules.evaluate import CaptureTest, Rule, RuleSet


def run_capture_tests(rules: RuleSet) -> tuple[int, list[FileProblem]]:
    """Runs every capture test; gives how many ran and what did not come out as expected."""
    ran = 0
    problems: list[FileProblem] = []
    for rule in rules.rules:
        for test in rule.tests:
            if isinstance(test, CaptureTest):
                ran += 1
                problems += _run(rule, test)
    return ran, problems


def _path(rule: Rule, name: str) -> Path:
    """A file named in a pack: beside the pack's folder's parent (the project), else beside the pack."""
    folder = Path(rule.file).resolve().parent
    candidates = [folder.parent / name, folder / name, Path(name)]
    return next((path for path in candidates if path.exists()), candidates[0])


def _run(rule: Rule, test: CaptureTest) -> list[FileProblem]:
    settings = Settings(
        captures=(str(_path(rule, test.capture)),),
        keys=tuple(_path(rule, key) for key in test.keys),
        topology=_path(rule, test.topology) if test.topology else None,
        rules=(rule.file,),
        only_rules=(rule.id,),
    )
    try:
        outcome = analyze(settings, Silent())
    except WrongUse as wrong:
        return [FileProblem(rule.file, test.line, 1, f"{rule.id}: {problem}") for problem in wrong.problems]
    if outcome.engine is None:
        return [FileProblem(rule.file, test.line, 1, f"{rule.id}: {p}") for p in outcome.problems]
    tally = outcome.engine.judge.tallies[rule.id]
    found = {verdict: tally.counts[verdict] for verdict in Verdict}
    return [
        FileProblem(
            rule.file, test.line, 1, f"{rule.id}: '{test.name}': {want} {verdict} expected, {found[verdict]} found"
        )
        for verdict, want in test.expect.items()
        if found[verdict] != want
    ]
