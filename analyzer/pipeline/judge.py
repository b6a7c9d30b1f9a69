"""Rules at work: every entity judged, verdicts counted, findings gathered by what they are about.

One defect is one finding, however often it occurs: occurrences share an id (the rule and its `same_as` values), the
first gives the message, later ones add evidence up to a bound. A question that stays open everywhere, as all do that
need a topology where none is given, would be as many findings as the capture has addresses: past
`Limits.open_places` of a rule all further places are one finding.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from analyzer.core.anomalies import Anomaly
from analyzer.core.limits import Limits
from analyzer.core.severity import Verdict
from analyzer.pipeline.findings import NEEDS, Gathered, Writer, kept
from analyzer.pipeline.ledger import Ledger
from analyzer.rules.evaluate import RULE_ERROR, RuleSet, finding_id
from analyzer.rules.panel import Panel, Ruled, Tally, needs

Where = Callable[[], dict[str, str]]
_FURTHER = "the same question is open at further places, which are not told apart"


@dataclass(slots=True)
class _Opened:
    """The open findings of one rule by what they are about, and the one for all places past the bound."""

    places: dict[tuple[str, ...], Gathered] = field(default_factory=dict)
    further: Gathered | None = None


class Judge:
    """Applies a rule set. Findings beyond `Limits.findings` are counted, not kept.

    With `tells`, findings are handed out as they are decided (`take_fresh`).
    """

    def __init__(self, rules: RuleSet, limits: Limits, ledger: Ledger, writer: Writer) -> None:
        self._limits = limits
        self._ledger = ledger
        self._writer = writer
        self._rules = rules
        self._panels = {kind: Panel(of_kind) for kind, of_kind in rules.by_kind.items()}
        self._failed: dict[str, Gathered] = {}
        self._noted: dict[str, Gathered] = {}
        self._open: defaultdict[str, _Opened] = defaultdict(_Opened)  # by rule
        self.dropped = 0
        self.tells = False
        self._fresh: list[Gathered] = []
        self._foretold: dict[str, None] = {}

    @property
    def tallies(self) -> dict[str, Tally]:
        """How often each rule reached each verdict, by rule id."""
        found: dict[str, Tally] = {}
        for panel in self._panels.values():
            found |= panel.tallies()
        return {rule.id: found[rule.id] for rule in self._rules.rules}

    @property
    def findings(self) -> list[Gathered]:
        """What failed or is open."""
        opened = [found for rule in self._open.values() for found in (*rule.places.values(), rule.further) if found]
        return [*self._failed.values(), *opened]

    @property
    def notes(self) -> list[Gathered]:
        """What rules that only note have noted."""
        return list(self._noted.values())

    def note(self, anomalies: Iterable[Anomaly]) -> None:
        """Anomalies that only show when a call is judged."""
        self._ledger.extend(anomalies)

    def asks(self, kind: str) -> bool:
        """Whether any rule judges entities of a kind: else there is no need to make them."""
        return kind in self._panels

    def judge(self, kind: str, entity: Any, where: Where) -> None:
        """Judges one entity by every rule of its kind; `where` says which entity it is."""
        panel = self._panels.get(kind)
        if panel is None:
            return
        known: dict[int, tuple[str, ...]] = {}
        for ruled in panel.judge(entity):
            rule, decision, alike = ruled
            same = known.get(alike)
            if same is None:
                same = known[alike] = rule.same(entity)
            if decision.reason:
                self._ledger.add(Anomaly(RULE_ERROR, rule.cited(entity), f"{rule.id}: {decision.reason}"))
            if decision.verdict is not Verdict.OPEN:
                self._gather(ruled, same, entity, where)
                continue
            opened = self._open[rule.id]
            found = opened.places.get(same) or opened.further
            if found is None:
                self._gather_open(opened, ruled, same, entity, where)
            elif found.full:
                found.occurrences += 1
            else:
                found.again(() if found.evident else rule.cited(entity), needs(decision, entity))

    def _gather(self, ruled: Ruled, same: tuple[str, ...], entity: object, where: Where) -> None:
        rule, verdict = ruled.rule, ruled.decision.verdict
        store = self._noted if rule.note else self._failed
        name = finding_id(rule.id, same)
        known = store.get(name)
        if known is not None:
            known.again(() if known.evident else rule.cited(entity), ())
        elif len(store) >= self._limits.findings:
            self.dropped += 1
        else:
            shown = self._writer.shown(rule.words(entity), where())
            store[name] = self._new(Gathered(rule, name, verdict, shown, kept(rule.cited(entity)), ()))

    def _gather_open(self, opened: _Opened, ruled: Ruled, same: tuple[str, ...], entity: object, where: Where) -> None:
        rule, decision, _ = ruled
        settles, cites = needs(decision, entity), kept(rule.cited(entity))
        told_apart = len(opened.places) < self._limits.open_places
        if told_apart:
            shown = self._writer.shown(rule.question_of(entity, decision.reason, settles), where())
        else:
            shown, same = self._writer.shown(_FURTHER, {}), ()
        found = self._new(Gathered(rule, finding_id(rule.id, same), Verdict.OPEN, shown, cites, settles[:NEEDS]))
        if told_apart:
            opened.places[same] = found
        else:
            opened.further = found

    def _new(self, found: Gathered) -> Gathered:
        if self.tells and not (found.verdict is Verdict.FAIL and found.id in self._foretold):
            self._fresh.append(found)
        return found

    def foretell(self, kind: str, entity: Any, where: Where) -> None:
        """Hands out what already fails of an entity that is judged later; nothing is counted, nothing told twice."""
        for rule in self._rules.by_kind.get(kind, ()):
            if rule.note or rule.decide(entity).verdict is not Verdict.FAIL:
                continue
            name = finding_id(rule.id, rule.same(entity))
            if name not in self._failed and name not in self._foretold and len(self._foretold) < self._limits.findings:
                self._foretold[name] = None
                shown = self._writer.shown(rule.words(entity), where())
                self._fresh.append(Gathered(rule, name, Verdict.FAIL, shown, kept(rule.cited(entity)), ()))

    def take_fresh(self) -> list[Gathered]:
        """Findings decided since the last call, for a live view."""
        fresh, self._fresh = self._fresh, []
        return fresh
