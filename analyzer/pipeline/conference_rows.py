"""Conferences judged and written at the end of a run."""

from collections.abc import Iterator
from functools import partial

from analyzer.pipeline.call_media import weakest
from analyzer.pipeline.judge import Judge, Where
from analyzer.pipeline.messaging_rows import floor_rows
from analyzer.pipeline.places import Places
from analyzer.report.traffic import Conference, Contributor, Grouping, Mix, Participant
from analyzer.session import mixing
from analyzer.session.call_floors import in_order
from analyzer.session.conference_entities import conference_entity, participant_entities, referral_entities
from analyzer.session.conference_state import ConferenceState
from analyzer.session.conferences import Conferences

CAVEATS = ("NO_PARTICIPANT_TO_PARTICIPANT_ASSURANCE", "NO_ASSURANCE_BEYOND_HOP", "PAI_TRUTH_NOT_OBSERVABLE")


def judge_conferences(conferences: Conferences, judge: Judge) -> None:
    """Applies the rules of conferences, their participants and referrals."""
    for state in conferences.all():
        for kind, entity, where in conference_entities(state):
            judge.judge(kind, entity, where)


def conference_entities(state: ConferenceState) -> Iterator[tuple[str, object, Where]]:
    """What is judged of a conference: kind, entity, which one it is."""
    name = f"conference-{state.ordinal}"
    for participant, call in participant_entities(state):
        yield "participant", participant, partial(dict, conference=name, call=call, focus=participant.focus)
    yield "conference", conference_entity(state), partial(dict, conference=name)
    for referral in referral_entities(state):
        yield "referral", referral, partial(dict, conference=name)


def conference_rows(conferences: Conferences, places: Places) -> Iterator[Conference]:
    """Every conference as the report writes it, not yet redacted."""
    for state in conferences.all():
        yield Conference(
            id=f"conference-{state.ordinal}",
            focus=state.focus,
            uri=state.uri or None,
            legs=tuple(state.calls),
            participants=tuple(_participants(state)),
            floors=tuple(state.floors),
            floor_control=floor_rows(in_order(state.control.values()), places),
            mixes=tuple(map(_mix, state.mixing.mixes())),
            weakest=weakest(state.states),
            caveats=_caveats(state),
            grouping=Grouping(
                state.grouping.by, state.grouping.place, state.grouping.score, tuple(map(places.cite, state.cites))
            ),
        )


def _mix(mix: mixing.Mix) -> Mix:
    parts = (
        Contributor(
            f"0x{part.ssrc:08x}", part.packets, part.call or None, tuple(f"stream-{n}" for n in part.streams), part.by
        )
        for part in mix.contributors
    )
    return Mix(f"stream-{mix.stream}", mix.call, tuple(parts))


def _participants(state: ConferenceState) -> Iterator[Participant]:
    for one in state.joined:
        asserted = one.entity.identified
        yield Participant(
            identity=one.identity,
            asserted=asserted if isinstance(asserted, bool) else None,
            anonymous=one.anonymous,
            outcome=one.entity.outcome,  # type: ignore[arg-type]  # one of the words of Outcome
        )


def _caveats(state: ConferenceState) -> tuple[str, ...]:
    """The mixer reads everything; who sees its side alone knows nothing of the access (TS 33.328 G.2 NOTES 1, 2, 4)."""
    return CAVEATS if state.access_seen else ("NO_ACCESS_ASSURANCE", *CAVEATS)
