"""mediasec rules and topology: what a user writes, checked and explained."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from analyzer.cli import options as opt
from analyzer.cli.run_one import give_up, run, settings_of, width
from analyzer.core.text import safe

rules_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Rule packs: list, lint, test, explain.")
topology_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The topology file.")

Paths = Annotated[list[str], typer.Argument(help="Rule files, folders or bundled packs; none: the bundled packs.")]

_LONGEST = 10_000  # characters of a text of a rule that are shown


def _paths(names: list[str]) -> list[Path]:
    from analyzer.app.prepare import rule_paths

    paths, problems = rule_paths(names)
    if problems:
        give_up(problems)
    return paths


def _load(names: list[str]) -> Any:
    from analyzer.rules.load import load_rules

    rules, problems = load_rules(_paths(names))
    if problems:
        give_up([str(problem) for problem in problems])
    return rules


@rules_app.command("list")
def list_rules(paths: Paths = [], profile: opt.Profile = None) -> None:  # noqa: B006  # typer copies defaults
    """Every rule: id, severity, pack, title."""
    for rule in _load(paths).select(profile).rules:
        kind = "note" if rule.note else rule.severity.label
        print(safe(f"{rule.id:<22} {kind:<9} {rule.pack:<14} {rule.title}", _LONGEST))


@rules_app.command()
def lint(paths: Paths = []) -> None:  # noqa: B006  # typer copies defaults
    """Check rule files; every problem with file, line and column."""
    from analyzer.export.tables import counted
    from analyzer.rules.tooling import lint as lint_paths

    problems = lint_paths(_paths(paths))
    if problems:
        give_up([str(problem) for problem in problems])
    print(f"{counted(len(_load(paths).rules), 'rule')}, no problem")


@rules_app.command()
def test(paths: Paths = []) -> None:  # noqa: B006  # typer copies defaults
    """Run the tests that stand beside the rules."""
    from analyzer.app.rule_tests import run_capture_tests
    from analyzer.export.tables import counted
    from analyzer.rules.tooling import run_inline_tests

    rules = _load(paths)
    problems = run_inline_tests(rules)
    ran, wrong = run_capture_tests(rules)
    count = sum(len(rule.tests) for rule in rules.rules)
    if problems or wrong:
        give_up([str(problem) for problem in [*problems, *wrong]], 1)
    print(f"{counted(count, 'test')} of {counted(len(rules.rules), 'rule')} passed, {ran} of them over captures")


@rules_app.command()
def explain(
    rule: Annotated[str, typer.Argument(help="A rule id.")],
    paths: Annotated[list[str], typer.Option("--rules", help="Rule file, folder or pack.")] = [],  # noqa: B006  # as above
) -> None:
    """What a rule checks, why, what it needs, how to fix what it finds."""
    from analyzer.rules.tooling import explain as explained

    found = [r for r in _load(paths).rules if r.id == rule or r.id.partition(".")[0] == rule]
    if not found:
        give_up([f"no rule is called {rule}"])
    for each in found:
        print("\n".join(_explained(explained(each), width())), end="\n\n")


def _expected(expect: Any) -> str:
    """The verdict that a test expects; of a test over a capture, how often each."""
    return ", ".join(f"{n} {verdict}" for verdict, n in expect.items()) if isinstance(expect, dict) else str(expect)


def _explained(values: dict[str, Any], columns: int) -> list[str]:
    """Headings and their texts, wrapped at the width of the terminal."""
    import textwrap

    lines: list[str] = []
    for key, value in values.items():
        if key == "refs":
            value = "; ".join(" ".join(ref).rstrip() for ref in value)
        elif key == "tests":
            value = ", ".join(f"{test['name']} ({_expected(test['expect'])})" for test in value)
        elif isinstance(value, list | tuple):
            value = ", ".join(map(str, value))
        if value:
            first, rest = f"{key:>10}: ", " " * 12
            lines += textwrap.wrap(safe(" ".join(str(value).split()), _LONGEST),
                                   max(columns, 40), initial_indent=first, subsequent_indent=rest,
                                   break_long_words=False, break_on_hyphens=False)  # fmt: skip
    return lines


@rules_app.command()
def docs(
    folder: Annotated[Path, typer.Argument(help="Where the pages go.")] = Path("docs/rules"),
    paths: Annotated[list[str], typer.Option("--rules", help="Rule file, folder or pack.")] = [],  # noqa: B006  # as above
) -> None:
    """Write one page a rule and an index."""
    from analyzer.rules.tooling import docs as pages

    written = pages(_load(paths))
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
    print(f"{len(written)} pages in {folder}")


@rules_app.command()
def schema() -> None:
    """The JSON Schema of rule packs, for editors."""
    from analyzer.rules.tooling import schema as pack_schema

    print(json.dumps(pack_schema(), indent=2))


@topology_app.command()
def init(
    capture: opt.OneCapture,
    keys: opt.Keys = [],  # noqa: B006  # typer copies defaults
) -> None:
    """Draft a topology file from what a capture shows: every host a node, the grounds of each, guesses marked."""
    from analyzer.app.drafting import drafted, watching
    from analyzer.session.drafting import Sketch, draft

    sketch = Sketch()
    outcome = run(settings_of(capture, keys, None), quiet=True, watch=watching(sketch))
    assert outcome.engine is not None
    assert outcome.report is not None
    ends = (end for stream in outcome.report.streams for end in (stream.src, stream.dst))
    print(draft(drafted(outcome.engine, sketch, ends)), end="")
