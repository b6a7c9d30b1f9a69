"""What the command line does with packs beside judging: lint and the tests beside the rules."""

import dataclasses
from collections.abc import Iterable
from inspect import cleandoc
from pathlib import Path
from typing import Any

from analyzer.core.severity import SEVERITY_BY_LABEL, Verdict
from analyzer.core.unknown import Need, Unknown
from analyzer.formats.yaml_file import FileProblem
from analyzer.rules.evaluate import InlineTest, Rule, RuleSet
from analyzer.rules.load import REQUIRED, RULE_KEYS, load_rules
from analyzer.rules.types import Type, fields_of
from analyzer.session.model.registry import ENTITIES

_NOT_GIVEN = "not given: "


def missing_tests(rule: Rule) -> list[FileProblem]:
    """A rule needs a failing and a passing test, and an open one where it reads a field that may be unknown."""
    expected = {test.expect for test in rule.tests if isinstance(test, InlineTest)}
    wanted = {Verdict.FAIL, Verdict.PASS} | ({Verdict.OPEN} if may_be_open(rule) else set())
    return [
        FileProblem(rule.file, rule.line, 1, f"rule '{rule.id}' has no test that expects {verdict}")
        for verdict in sorted(wanted - expected)
    ]


def may_be_open(rule: Rule) -> bool:
    """The rule reads, at the first level, a field whose evidence may be missing."""
    fields = fields_of(ENTITIES[rule.kind])
    parts = [part for part in (rule.when, *(made for made, _ in rule.unless), rule.condition) if part]
    first = {path.split(".")[1] for part in parts for path, _ in part.reads if "." in path}
    return any(fields[name].may_be_unknown for name in first)


def lint(paths: Iterable[Path]) -> list[FileProblem]:
    """Every load-time problem, missing tests, and inline tests that do not hold."""
    rules, problems = load_rules(paths)
    for rule in rules.rules:
        problems.extend(missing_tests(rule))
    return sorted(problems + run_inline_tests(rules))


def run_inline_tests(rules: RuleSet) -> list[FileProblem]:
    """The inline tests that do not hold, each at its place."""
    problems: list[FileProblem] = []
    for rule in rules.rules:
        for test in rule.tests:
            if isinstance(test, InlineTest):
                wrong = _run(rule, test)
                if wrong:
                    problems.append(FileProblem(rule.file, test.line, 1, f"{rule.id}, test '{test.name}': {wrong}"))
    return problems


def _run(rule: Rule, test: InlineTest) -> str:
    try:
        entity = build_entity(ENTITIES[rule.kind], test.given)
    except ValueError as error:
        return str(error)
    outcome = rule.judge(entity)
    absent = [need.what for need in outcome.needs if need.what.startswith(_NOT_GIVEN)]
    if absent:
        return f"{absent[0]}, a field that is always known"
    if outcome.verdict != test.expect:
        return f"expected {test.expect}, got {outcome.verdict} {outcome.reason}".rstrip()
    return ""


def build_entity(cls: type, given: dict[str, Any], path: str = "") -> Any:
    """An entity from a test's `given`; a key left out is Unknown. ValueError says what does not fit."""
    fields = fields_of(cls)
    values: dict[str, Any] = {}
    for name in given:
        if name not in fields:
            raise ValueError(f"{cls.__name__} has no field '{name}'")
    for name, info in fields.items():
        where = f"{path}{name}"
        if name in given:
            if given[name] is None and not info.may_be_absent:
                raise ValueError(f"'{where}' is never absent")
            values[info.attribute] = None if given[name] is None else _value(info.type, given[name], where)
        elif info.type.kind == "cites":
            values[info.attribute] = ()
        elif info.type.cls is not None:
            values[info.attribute] = build_entity(info.type.cls, {}, f"{where}.")
        else:
            note = f"field {where}" if info.may_be_unknown else _NOT_GIVEN + where
            values[info.attribute] = Unknown((Need("message", note),))
    return cls(**values)


def _value(kind: Type, value: Any, where: str) -> Any:
    if kind.kind == "list" and isinstance(value, list) and kind.element:
        return tuple(_value(kind.element, item, where) for item in value)
    if kind.cls is not None and isinstance(value, dict):
        return build_entity(kind.cls, value, f"{where}.")
    if kind.kind == "cites":
        return ()
    plain = {"bool": bool, "int": int, "double": float, "string": str, "duration": int, "map": dict}.get(kind.kind)
    if plain is None or type(value) is not plain:
        raise ValueError(f"'{where}' is a {kind}")
    if kind.words and value not in kind.words:
        raise ValueError(f"'{value}' is none of the words of '{where}'")
    return value


def model_docs() -> str:
    """Markdown of every entity kind and its fields."""
    lines = ["# The model rules are written against", ""]
    for kind, cls in ENTITIES.items():
        lines += [
            f"## {kind}",
            "",
            cleandoc(cls.__doc__ or ""),  # Python 3.13 takes the indentation away itself
            "",
            "| field | type | meaning |",
            "| --- | --- | --- |",
        ]
        for info in fields_of(cls).values():
            extra = " or unknown" * info.may_be_unknown + " or absent" * info.may_be_absent
            lines.append(f"| `{info.name}` | {info.type}{extra} | {info.doc} |")
        lines.append("")
    return "\n".join(lines)


def explain(rule: Rule) -> dict[str, Any]:
    """What a rule is about, as plain values by heading."""
    shown = ("id", "title", "about", "why", "fix", "refs", "profiles", "kind", "caveats")
    made = {name: getattr(rule, name) for name in shown}
    parts = [part for part in (rule.when, rule.condition) if part]
    return made | {
        "severity": rule.severity.label,
        "when": rule.when.source if rule.when else "",
        "assert": rule.condition.source,
        "reads": sorted({path for part in parts for path, _ in part.reads}),
        "tests": [dataclasses.asdict(test) for test in rule.tests],
    }


def docs(rules: RuleSet) -> dict[str, str]:
    """Markdown by path: one page a rule, and an index."""
    index = ["# Rules", "", "| rule | severity | title |", "| --- | --- | --- |"]
    pages: dict[str, str] = {}
    for rule in rules.rules:
        index.append(f"| [{rule.id}]({rule.id}.md) | {'note' if rule.note else rule.severity.label} | {rule.title} |")
        refs = "; ".join(f"{doc} {clause}".rstrip() for doc, clause in rule.refs)
        unless = "".join(f"\nunless: {made.source}  ({because})" for made, because in rule.unless)
        when = f"when: {rule.when.source}" if rule.when else ""
        judged = f"each: {rule.kind}\n{when}{unless}\nassert: {rule.condition.source}"
        kind = "note" if rule.note else rule.severity.label
        pages[f"{rule.id}.md"] = "\n\n".join(
            [f"# {rule.id}: {rule.title}", rule.about, f"Severity: {kind}. Pack: {rule.pack}.", f"Why: {rule.why}",
             f"Fix: {rule.fix}", f"References: {refs}", f"```\n{judged}\n```", ""]
        )  # fmt: skip
    return {"index.md": "\n".join([*index, ""]), **pages}


def schema() -> dict[str, Any]:
    """The JSON Schema of a pack: its keys and their shapes; expressions are checked by `lint`."""
    text, texts = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
    objects = {"type": "array", "items": {"type": "object"}}
    shapes: dict[str, Any] = dict.fromkeys(sorted(RULE_KEYS), text)
    shapes |= dict.fromkeys(("profiles", "evidence", "same_as", "caveats"), texts)
    shapes |= dict.fromkeys(("refs", "unless", "tests"), objects)
    shapes |= {key: {"type": ["string", "boolean"]} for key in ("when", "assert")}
    shapes |= {
        "note": {"type": "boolean"},
        "each": {"enum": list(ENTITIES)},
        "severity": {"enum": [*SEVERITY_BY_LABEL]},
    }
    rule = {"type": "object", "properties": shapes, "required": list(REQUIRED), "additionalProperties": False}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"format": {"const": 1}, "pack": text, "title": text, "constants": {"type": "object"},
                       "rules": {"type": "array", "items": rule}},
        "required": ["format", "pack", "title", "rules"],
        "additionalProperties": False,
    }  # fmt: skip
