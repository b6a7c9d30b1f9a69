"""Packs read: every problem collected, with its file, line, column and near miss."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analyzer.core.severity import SEVERITY_BY_LABEL, Verdict
from analyzer.formats.user_file import read_bounded
from analyzer.formats.yaml_file import MAX_BYTES, FileProblem, Node, read
from analyzer.formats.yaml_reader import near
from analyzer.rules.compile import Compiled, compile_expression
from analyzer.rules.evaluate import CaptureTest, InlineTest, Rule, RuleSet
from analyzer.rules.functions import FUNCTIONS
from analyzer.rules.prepared import forget, prepared
from analyzer.rules.types import BOOL, CITES, DOUBLE, INT, STRING, Type, fields_of
from analyzer.session.model.registry import ENTITIES, VARIABLES

PACK_KEYS = {"format", "pack", "title", "constants", "rules"}
RULE_TEXT = ("id", "title", "severity", "about", "why", "fix", "each", "assert", "message")
RULE_KEYS = {
    *RULE_TEXT,
    "refs",
    "profiles",
    "when",
    "unless",
    "evidence",
    "same_as",
    "caveats",
    "tests",
    "note",
    "open",
}
REQUIRED = ("id", "title", "severity", "about", "why", "fix", "refs", "each", "assert", "message", "same_as")
_UNSTABLE_WORDS = "first offer answer call_id call_ids ssrc aor ue asserted preferred port from to packets frames"
UNSTABLE = frozenset(_UNSTABLE_WORDS.split())
_PLACEHOLDER = re.compile(r"\{([a-z_][a-z0-9_.]{0,100})\}|([{}])", re.ASCII)


@dataclass(slots=True)
class Reader:
    """A pack being read: what is wrong in it so far, and its constants."""

    name: str
    constants: dict[str, tuple[Type, Any]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    compiled: dict[tuple[str, str, Type | None], Compiled] = field(default_factory=dict)  # by text, entity, type wanted
    problems: list[FileProblem] = field(default_factory=list)

    def wrong(self, node: Node, message: str) -> None:
        """Notes a problem at a node."""
        self.problems.append(FileProblem(self.name, node.line, node.column, message))

    def mapping(self, node: Node, known: Iterable[str], required: Iterable[str]) -> dict[str, Node]:
        """The members of a mapping; unknown and missing keys are problems."""
        if not isinstance(node.value, dict):
            self.wrong(node, "expected a mapping")
            return {}
        for key, value in node.value.items():
            if key not in known:
                self.wrong(value, f"unknown key '{key}'{near(key, known)}")
        for key in required:
            if key not in node.value:
                self.wrong(node, f"key '{key}' is missing")
        return node.value

    def text(self, node: Node | None) -> str:
        """A text; empty for none."""
        if node is None:
            return ""
        if not isinstance(node.value, str):
            self.wrong(node, "expected text")
            return ""
        return node.value

    def items(self, node: Node | None) -> tuple[Node, ...]:
        """The members of a list; none for no list."""
        if node is None:
            return ()
        if not isinstance(node.value, tuple):
            self.wrong(node, "expected a list")
            return ()
        return node.value

    def expression(self, node: Node | None, kind: str, want: Type | None = None) -> Compiled | None:
        """A condition compiled; None for none, and where it does not compile."""
        if node is None or kind not in ENTITIES:
            return None
        if isinstance(node.value, bool):
            node = Node(node.line, node.column, "true" if node.value else "false")
        text = self.text(node)
        made = self.compiled.get((text, kind, want)) or compile_expression(
            text, VARIABLES[kind], ENTITIES[kind], self.constants, want
        )
        if isinstance(made, Compiled):
            self.compiled[text, kind, want] = made
            self.used |= made.constants
            return made
        for problem in made:
            column = node.column + problem.column - 1 + node.quoted if problem.line == 1 else problem.column
            self.problems.append(FileProblem(self.name, node.line + problem.line - 1, column, problem.message))
        return None


def load_pack(text: bytes, name: str) -> tuple[tuple[Rule, ...], list[FileProblem]]:
    """The rules of one pack and everything wrong with it; a rule with a problem is left out."""
    problems: list[FileProblem] = []
    root = prepared(text)
    if root is None:
        root, problems = read(text, name)
    if root is None:
        return (), problems
    reader = Reader(name, problems=problems)
    keys = reader.mapping(root, PACK_KEYS, ("format", "pack", "title", "rules"))
    if "format" in keys and keys["format"].value != 1:
        reader.wrong(keys["format"], "this program reads format 1")
    _constants(reader, keys.get("constants"))
    rules: list[Rule] = []
    seen: set[str] = set()
    for node in reader.items(keys.get("rules")):
        rule = _rule(reader, node, reader.text(keys.get("pack")))
        ident = node.value.get("id") if isinstance(node.value, dict) else None
        if ident is not None and str(ident.value) in seen:
            reader.wrong(ident, f"duplicate rule id '{ident.value}'")
        if ident is not None:
            seen.add(str(ident.value))
        if rule is not None:
            rules.append(rule)
    for constant in reader.constants.keys() - reader.used:
        reader.wrong(keys["constants"].value[constant], f"constant '{constant}' is not used")
    return tuple(rules), sorted(reader.problems)


def _constants(reader: Reader, node: Node | None) -> None:
    taken = {*FUNCTIONS, *VARIABLES.values(), *(name for cls in ENTITIES.values() for name in fields_of(cls))}
    for name, value in (reader.mapping(node, node.value, ()) if node and isinstance(node.value, dict) else {}).items():
        if name in taken:
            reader.wrong(value, f"constant '{name}' clashes with a field or function")
        plain = value.plain()
        items = plain if isinstance(plain, list) else [plain]
        kinds = {type(item) for item in items}
        base = {bool: BOOL, int: INT, float: DOUBLE, str: STRING}.get(kinds.pop()) if len(kinds) == 1 else None
        if base is None:
            reader.wrong(value, "a constant is a bool, number, text or a list of one of them")
        else:
            is_list = isinstance(plain, list)
            reader.constants[name] = (Type("list", base), tuple(plain)) if is_list else (base, plain)


def _rule(reader: Reader, node: Node, pack: str) -> Rule | None:
    before = len(reader.problems)
    keys = reader.mapping(node, RULE_KEYS, REQUIRED)
    words = {key: reader.text(keys.get(key)) for key in RULE_TEXT if key != "assert"}
    kind = words["each"]
    if "each" in keys and kind not in ENTITIES:
        reader.wrong(keys["each"], f"unknown entity kind '{kind}'{near(kind, ENTITIES)}")
    if "severity" in keys and words["severity"] not in SEVERITY_BY_LABEL:
        reader.wrong(keys["severity"], f"unknown severity{near(words['severity'], SEVERITY_BY_LABEL)}")
    note = bool(keys["note"].value) if "note" in keys else False
    condition = reader.expression(keys.get("assert"), kind, BOOL)
    when = reader.expression(keys.get("when"), kind, BOOL)
    unless: list[tuple[Compiled, str]] = []
    for entry in reader.items(keys.get("unless")):
        parts = reader.mapping(entry, ("if", "because"), ("if", "because"))
        made = reader.expression(parts.get("if"), kind, BOOL)
        if made is not None:
            unless.append((made, reader.text(parts.get("because"))))
    refs: list[tuple[str, str]] = []
    for entry in reader.items(keys.get("refs")):
        parts = reader.mapping(entry, ("doc", "clause"), ("doc",))
        refs.append((reader.text(parts.get("doc")), str(parts["clause"].value) if "clause" in parts else ""))
    message = _message(reader, keys.get("message"), kind)
    question = _message(reader, keys.get("open"), kind)
    evidence = [reader.expression(item, kind, CITES) for item in reader.items(keys.get("evidence"))]
    same_as = [_stable(reader, item, kind) for item in reader.items(keys.get("same_as"))]
    tests = tuple(test for item in reader.items(keys.get("tests")) if (test := _test(reader, item)) is not None)
    lists = {key: tuple(reader.text(item) for item in reader.items(keys.get(key))) for key in ("profiles", "caveats")}
    if len(reader.problems) > before or condition is None:
        return None
    return Rule(
        words["id"], pack, words["title"], SEVERITY_BY_LABEL[words["severity"]], note, words["about"], words["why"],
        words["fix"], tuple(refs), lists["profiles"], kind, when, tuple(unless), condition, message,
        question,
        tuple(part for part in evidence if part), tuple(part for part in same_as if part), lists["caveats"], tests,
        reader.name, node.line,
    )  # fmt: skip


def _stable(reader: Reader, node: Node, kind: str) -> Compiled | None:
    last = reader.text(node).rpartition(".")[2]
    if last in UNSTABLE:
        reader.wrong(node, f"same_as may not name '{last}': no time, frame, port, Call-ID or identity")
        return None
    return reader.expression(node, kind)


def _message(reader: Reader, node: Node | None, kind: str) -> tuple[str | Compiled, ...]:
    text, at, parts = reader.text(node), 0, list[str | Compiled]()
    for match in _PLACEHOLDER.finditer(text):
        parts.append(text[at : match.start()])
        at = match.end()
        if node is None or match[2]:
            reader.wrong(node or Node(1, 1, ""), "a placeholder is {path}, such as {hop.medium}")
            continue
        made = reader.expression(Node(node.line, node.column + match.start(1), match[1], node.quoted), kind)
        if made is not None:
            parts.append(made)
    return (*parts, text[at:])


def _test(reader: Reader, node: Node) -> InlineTest | CaptureTest | None:
    keys = reader.mapping(node, ("name", "given", "expect"), ("name", "given", "expect"))
    if len(keys) < 3 or not isinstance(keys["given"].value, dict):
        return None
    given, expect, name = keys["given"].plain(), keys["expect"].plain(), reader.text(keys["name"])
    words = {verdict.value for verdict in Verdict}
    if "capture" in given:
        if not isinstance(expect, dict) or not words.issuperset(expect):
            reader.wrong(keys["expect"], "expected the count of each verdict")
            return None
        counts = {Verdict(word): int(count) for word, count in expect.items() if isinstance(count, int)}
        files, topology = given.get("keys", []), given.get("topology")
        if not isinstance(files, list) or not all(isinstance(item, str) for item in [*files, topology or ""]):
            reader.wrong(keys["given"], "keys is a list of file names, topology a file name")
            return None
        return CaptureTest(name, str(given["capture"]), tuple(files), topology, counts, node.line)
    if not isinstance(expect, str) or expect not in words:
        reader.wrong(keys["expect"], "expected pass, fail, open or n/a")
        return None
    return InlineTest(name, given, Verdict(expect), node.line)


def load_rules(paths: Iterable[Path]) -> tuple[RuleSet, list[FileProblem]]:
    """The rules of files and folders (*.yaml in them), and every problem found."""
    rules: list[Rule] = []
    problems: list[FileProblem] = []
    for path in paths:
        files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
        if not files:
            problems.append(FileProblem(str(path), 1, 1, "the folder holds no rule pack (*.yaml)"))
        for file in files:
            try:
                text = read_bounded(file, MAX_BYTES)
            except OSError as error:
                problems.append(FileProblem(str(file), 1, 1, f"cannot be read ({error.strerror})"))
                continue
            found, wrong = load_pack(text, str(file))
            problems.extend(wrong)
            known = {rule.id: rule for rule in rules}
            for rule in found:
                if rule.id in known:
                    other = known[rule.id]
                    where = f"{other.file}:{other.line}"
                    problems.append(FileProblem(str(file), rule.line, 1, f"rule '{rule.id}' is also in {where}"))
            rules.extend(rule for rule in found if rule.id not in known)
    forget()
    return RuleSet.of(tuple(rules)), problems
