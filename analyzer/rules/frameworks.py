"""Frameworks: the statements of a document, and the rules that decide each (`rules/frameworks/*.yaml`).

A statement that no capture can show has no rule: it stands in every report as `not_observable`, with why. One that
rules decide in part says beside them what stays out of sight.
"""

from collections.abc import Iterable
from pathlib import Path

from analyzer.core.frozen import frozen
from analyzer.formats.user_file import read_bounded
from analyzer.formats.yaml_file import MAX_BYTES, FileProblem, Node, read
from analyzer.rules.load import Reader
from analyzer.rules.prepared import prepared

FOLDER = "frameworks"
FILE_KEYS = ("format", "framework", "title", "document", "requirements")
KEYS = ("id", "clause", "document", "says", "rules", "not_observable", "reference", "caveats")
REQUIRED = ("id", "says")


@frozen
class Requirement:
    """One statement of a document. Without rules it is `not_observable`, or a `reference` to others."""

    id: str
    framework: str
    document: str
    clause: str
    says: str
    rules: tuple[str, ...]
    not_observable: str
    reference: str
    caveats: tuple[str, ...]


@frozen
class Framework:
    """The statements of one file."""

    name: str
    title: str
    requirements: tuple[Requirement, ...]


def load_frameworks(folder: Path) -> tuple[tuple[Framework, ...], list[FileProblem]]:
    """Every framework of a rules folder, and everything wrong with them."""
    found: list[Framework] = []
    problems: list[FileProblem] = []
    for file in sorted((folder / FOLDER).glob("*.yaml")):
        try:
            text = read_bounded(file, MAX_BYTES)
        except OSError as error:
            problems.append(FileProblem(str(file), 1, 1, f"cannot be read ({error.strerror})"))
            continue
        framework, wrong = load_framework(text, str(file))
        problems += wrong
        found += [framework] if framework is not None else []
    return tuple(found), problems


def load_framework(text: bytes, name: str) -> tuple[Framework | None, list[FileProblem]]:
    """One framework; None if it cannot be read at all."""
    root, problems = prepared(text), list[FileProblem]()
    if root is None:
        root, problems = read(text, name)
    if root is None:
        return None, problems
    reader = Reader(name, problems=problems)
    keys = reader.mapping(root, FILE_KEYS, FILE_KEYS)
    if "format" in keys and keys["format"].value != 1:
        reader.wrong(keys["format"], "this program reads format 1")
    title, document = reader.text(keys.get("title")), reader.text(keys.get("document"))
    called = reader.text(keys.get("framework"))
    made: dict[str, Requirement] = {}
    for node in reader.items(keys.get("requirements")):
        requirement = _requirement(reader, node, called, document)
        if requirement.id in made:
            reader.wrong(node, f"duplicate requirement '{requirement.id}'")
        made[requirement.id] = requirement
    return Framework(called, title, tuple(made.values())), sorted(reader.problems)


def _requirement(reader: Reader, node: Node, framework: str, document: str) -> Requirement:
    keys = reader.mapping(node, KEYS, REQUIRED)
    words = {key: reader.text(keys.get(key)) for key in KEYS if key not in ("rules", "caveats")}
    lists = {key: tuple(reader.text(item) for item in reader.items(keys.get(key))) for key in ("rules", "caveats")}
    if not {"rules", "not_observable", "reference"} & keys.keys():
        reader.wrong(node, "a requirement has rules, or says why nothing can be seen of it (not_observable, reference)")
    return Requirement(
        words["id"], framework, words["document"] or document, words["clause"], words["says"], lists["rules"],
        words["not_observable"], words["reference"], lists["caveats"],
    )  # fmt: skip


def framework_docs(frameworks: Iterable[Framework]) -> str:
    """Markdown of every statement: what decides it, and what no capture can show of it."""
    lines = [
        "# Statements and the rules that decide them", "",
        ("A report has a row for each in `clauses`. One without rules is `not_observable`, whatever was captured; "
         "where there are rules, the last column says what stays out of their sight."),
    ]  # fmt: skip
    for framework in frameworks:
        lines += ["", f"## {framework.title}", ""]
        lines += [
            "| id | source | statement | rules | not observable, or why no rule |",
            "| --- | --- | --- | --- | --- |",
        ]
        for each in framework.requirements:
            rules = ", ".join(f"[{rule}](rules/{rule}.md)" for rule in each.rules)
            unseen = " ".join([each.not_observable or each.reference, *(f"`{caveat}`" for caveat in each.caveats)])
            source = f"{each.document} {each.clause}".strip()
            lines.append(f"| {each.id} | {source} | {each.says} | {rules} | {unseen.strip()} |")
    return "\n".join(lines)
