"""Rules judged: an entity gives a verdict, with what would settle it where it is open."""

import hashlib
from collections.abc import Callable
from dataclasses import field
from typing import Any, Literal, NamedTuple

from analyzer.core.anomalies import AnomalyKind, define
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.severity import Severity, Verdict
from analyzer.core.text import safe
from analyzer.core.unknown import Need, Unknown
from analyzer.rules.compile import LOOP_BUDGET, MAX_LOOPS, Compiled, Look
from analyzer.rules.values import BudgetError, RuleError

RULE_ERROR: AnomalyKind = define(
    "rules.error", Severity.LOW, "a rule's condition could not be evaluated", origin="internal"
)
NEEDS_NAMED = 3
"""How many of the things that would settle an open verdict its message names."""
ZoneOf = Callable[[str], str | None]
Step = Literal["when", "unless", "assert"]


@frozen
class Outcome:
    """What one rule decided on one entity.

    `reason` says why it does not apply, or "rule_error: ..."; `unknown` are the fields whose evidence is missing and
    `needs` what would settle them; `finding` is stable across runs and captures of the same defect. `message` of an
    open verdict is a question, never what a failure says.
    """

    verdict: Verdict
    reason: str = ""
    unknown: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    message: str = ""
    evidence: tuple[Cite, ...] = ()
    same_as: tuple[str, ...] = ()
    finding: str = ""


class Decision(NamedTuple):
    """A verdict without words: why it does not apply, or "rule_error: ..."; the conditions that are unknown, and what
    would settle them."""

    verdict: Verdict
    reason: str = ""
    unknown: tuple[Compiled, ...] = ()
    needs: tuple[Need, ...] = ()


@frozen
class InlineTest:
    """A test beside its rule: an entity built from `given`, and the verdict expected."""

    name: str
    given: dict[str, Any]
    expect: Verdict
    line: int


@frozen
class CaptureTest:
    """A test over a capture, for the application to run: files, and the count of each verdict expected."""

    name: str
    capture: str
    keys: tuple[str, ...]
    topology: str | None
    expect: dict[Verdict, int]
    line: int


@frozen
class Rule:
    """One compiled rule."""

    id: str
    pack: str
    title: str
    severity: Severity
    note: bool
    about: str
    why: str
    fix: str
    refs: tuple[tuple[str, str], ...]
    profiles: tuple[str, ...]
    kind: str
    when: Compiled | None
    unless: tuple[tuple[Compiled, str], ...]
    condition: Compiled
    message: tuple[str | Compiled, ...]
    question: tuple[str | Compiled, ...]  # what an open verdict asks, instead of the title; may be empty
    evidence: tuple[Compiled, ...]
    same_as: tuple[Compiled, ...]
    caveats: tuple[str, ...]
    tests: tuple[InlineTest | CaptureTest, ...]
    file: str
    line: int
    _steps: tuple[tuple[Step, Compiled, str], ...] = field(init=False, compare=False, repr=False, default=())
    _words: "_Text" = field(init=False, compare=False, repr=False, default=("", ()))
    _asks: "_Text" = field(init=False, compare=False, repr=False, default=("", ()))

    def __post_init__(self) -> None:
        object.__setattr__(self, "_steps", self._in_order())
        object.__setattr__(self, "_words", _template(self.message))
        object.__setattr__(self, "_asks", _template(self.question))

    def judge(self, entity: object, zone_of: ZoneOf | None = None) -> Outcome:
        """The verdict on one entity of the rule's kind, with all that a report says of it; total."""
        decision = self.decide(entity, zone_of)
        verdict, reason, unknown, needs = decision
        if verdict is Verdict.PASS or verdict is Verdict.NOT_APPLICABLE:
            return Outcome(verdict, reason)
        values = self.same(entity)
        return Outcome(
            verdict,
            reason,
            tuple(dict.fromkeys(path for part in unknown for path in _unknown_paths(part, entity))),
            needs,
            self.question_of(entity, reason, needs) if verdict is Verdict.OPEN else self.words(entity),
            self.cited(entity),
            values,
            finding_id(self.id, values),
        )

    def same(self, entity: object) -> tuple[str, ...]:
        """What makes a finding on this entity the same as another one of the rule."""
        return tuple([_text(value) for value in _values(self.same_as, entity)])

    def words(self, entity: object) -> str:
        """What it says of this entity where it fails."""
        return _filled(self._words, entity)

    def question_of(self, entity: object, reason: str, needs: tuple[Need, ...]) -> str:
        """What it says of this entity where it is open: what is not known, where, and what is missing to know it."""
        asked = _filled(self._asks, entity) or f"not known whether this holds: {self.title}{self._place(entity)}"
        if reason:
            return f"{asked}; {reason}"
        missing = "; ".join([need.what for need in needs[:NEEDS_NAMED]]) or "evidence"
        more = f" and {len(needs) - NEEDS_NAMED} more" if len(needs) > NEEDS_NAMED else ""
        return f"{asked}; missing: {missing}{more}"

    def _place(self, entity: object) -> str:
        """The known `same_as` values in brackets, each under the last word of its path."""
        named = [
            f"{path.source.rpartition('.')[2].removesuffix('_node')} {_text(value)}"
            for path, value in zip(self.same_as, _values(self.same_as, entity), strict=True)
            if value not in (None, "", ()) and not isinstance(value, Unknown)
        ]
        return f" ({', '.join(named)})" if named else ""

    def cited(self, entity: object) -> tuple[Cite, ...]:
        """The frames it cites for this entity."""
        return tuple(dict.fromkeys([cite for value in _values(self.evidence, entity) for cite in _cites(value)]))

    def decide(self, entity: object, zone_of: ZoneOf | None = None) -> Decision:
        """The verdict on one entity of the rule's kind; total."""
        parts: list[Compiled] = []
        needs: tuple[Need, ...] = ()
        reason = ""
        for role, part, because in self._steps:
            try:
                value = part.run(entity, zone_of)
                if not isinstance(value, bool | Unknown):
                    raise RuleError("value is absent")
            except (RuleError, BudgetError) as error:
                reason, value = f"rule_error: {error}", Unknown()
            if isinstance(value, Unknown):
                parts.append(part)
                needs = tuple(dict.fromkeys(needs + value.needs))
            elif role == "when" and not value:
                return Decision(Verdict.NOT_APPLICABLE)
            elif role == "unless" and value:
                return Decision(Verdict.NOT_APPLICABLE, because)
            elif role == "assert" and not parts:
                return Decision(Verdict.PASS if value else Verdict.FAIL)
        return Decision(Verdict.OPEN, reason, tuple(parts), needs)

    def reads(self) -> tuple[str, ...]:
        """Paths of every field that its verdict depends on."""
        return tuple(dict.fromkeys(path for _, part, _ in self._steps for path, _ in part.reads))

    def looks(self) -> tuple[tuple[str, Look], ...]:
        """How closely its verdict looks at each of those fields, each time."""
        paths = set(self.reads())
        return tuple([(path, look) for _, part, _ in self._steps for path, look in part.looks if path in paths])

    def _in_order(self) -> tuple[tuple[Step, Compiled, str], ...]:
        steps: list[tuple[Step, Compiled, str]] = []
        if self.when is not None:
            steps.append(("when", self.when, ""))
        steps.extend(("unless", part, because) for part, because in self.unless)
        steps.append(("assert", self.condition, ""))
        return tuple(steps)


def finding_id(rule: str, same_as: tuple[str, ...]) -> str:
    """Sixteen hexadecimal digits, stable across runs: a hash of the rule and its `same_as` values."""
    parts = (rule, *same_as)
    raw = b"".join([b"%d:%b" % (len(part := text.encode("utf-8", "replace")), part) for text in parts])
    return hashlib.sha256(raw).hexdigest()[:16]


_Text = tuple[str, tuple[Compiled, ...]]
"""A text with a %s for each path, and the paths."""


def _template(parts: tuple[str | Compiled, ...]) -> _Text:
    text = "".join([part.replace("%", "%%") if isinstance(part, str) else "%s" for part in parts])
    return text, tuple(part for part in parts if not isinstance(part, str))


def _filled(template: _Text, entity: object) -> str:
    text, paths = template
    return text % tuple([_text(value) for value in _values(paths, entity)])


_NOTHING = (None,) * MAX_LOOPS


def _values(paths: tuple[Compiled, ...], entity: object) -> list[Any]:
    """What the paths lead to; None where they lead nowhere."""
    found: list[Any] = []
    plain = [entity, LOOP_BUDGET, None]  # what has no loops spends nothing of it
    for path in paths:
        try:
            found.append(path.fn([*plain, *_NOTHING[: path.slots]] if path.slots else plain))
        except (RuleError, BudgetError):
            found.append(None)
    return found


def _text(value: object) -> str:
    if type(value) is str:
        return safe(value)
    if isinstance(value, Unknown):
        return "unknown"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(_text(item) for item in value[:20])
    return safe(str(value))


def _cites(value: object) -> tuple[Cite, ...]:
    return tuple(item for item in value if isinstance(item, Cite)) if isinstance(value, tuple) else ()


def _unknown_paths(part: Compiled, entity: object) -> list[str]:
    found: list[str] = []
    for path, fn in part.reads:
        try:
            value = fn([entity, 0, None])
        except RuleError:
            continue
        if isinstance(value, Unknown):
            found.append(path)
    return found


@frozen
class RuleSet:
    """The rules of a run."""

    rules: tuple[Rule, ...] = ()
    by_kind: dict[str, tuple[Rule, ...]] = field(default_factory=dict)

    @staticmethod
    def of(rules: tuple[Rule, ...]) -> "RuleSet":
        """Groups the rules by entity kind."""
        kinds = dict.fromkeys(rule.kind for rule in rules)
        return RuleSet(rules, {kind: tuple(rule for rule in rules if rule.kind == kind) for kind in kinds})

    def for_kind(self, kind: str) -> tuple[Rule, ...]:
        """The rules that judge entities of a kind."""
        return self.by_kind.get(kind, ())

    def select(self, profile: str | None = None, only: frozenset[str] = frozenset(),
               skip: frozenset[str] = frozenset()) -> "RuleSet":  # fmt: skip
        """The rules of a profile, of `--rule`, without those of `--skip-rule`. An id stands for its sub-rules too."""

        def named(rule: Rule, ids: frozenset[str]) -> bool:
            return rule.id in ids or rule.id.partition(".")[0] in ids

        return RuleSet.of(
            tuple(
                rule
                for rule in self.rules
                if (profile is None or profile in rule.profiles)
                and (not only or named(rule, only))
                and not named(rule, skip)
            )
        )
