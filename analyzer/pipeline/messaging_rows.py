"""MSRP and BFCP sessions and floors of a call, as rows of the report."""

from collections.abc import Sequence

from analyzer.formats import file_selector
from analyzer.pipeline.places import Places
from analyzer.report.messaging import (
    BfcpError,
    BfcpSession,
    ChairAction,
    File,
    Floor,
    FloorRequest,
    FloorStep,
    MsrpSession,
    SavedFile,
)
from analyzer.session.bound import BoundBfcp, BoundMsrp
from analyzer.session.call_floors import CallFloor
from analyzer.session.file_transfers import FileTransfers
from analyzer.session.floors import ChairDecision, FloorRequestState
from analyzer.session.hops import HopFact

Named = Sequence[tuple[str, HopFact]]
_REQUESTS = 256  # of one floor


def msrp_rows(hops: Named, places: Places, files: FileTransfers | None) -> tuple[MsrpSession, ...]:
    """Every MSRP session of a call's hops."""
    return tuple(
        _msrp(hop, fact, bound, places, files)
        for hop, fact in hops
        for bound in fact.sessions
        if isinstance(bound, BoundMsrp)
    )


def bfcp_rows(hops: Named, places: Places) -> tuple[BfcpSession, ...]:
    """Every BFCP session of a call's hops."""
    return tuple(
        _bfcp(hop, bound, places) for hop, fact in hops for bound in fact.sessions if isinstance(bound, BoundBfcp)
    )


def floor_rows(floors: Sequence[CallFloor], places: Places) -> tuple[Floor, ...]:
    """The floors of a call."""
    return tuple(
        Floor(
            conference=each.conference_id,
            floor=each.floor_id,
            labels=each.labels,
            hops=each.hops,
            holders=each.control.holders(each.floor_id),
            requests=tuple(_request(request, places) for request in each.control.of(each.floor_id)[:_REQUESTS]),
            chair=tuple(_chair(d, places) for d in each.control.chair if each.floor_id in d.floors or not d.floors),
            first=places.cite(each.first),
        )
        for each in floors
    )


def _msrp(hop: str, fact: HopFact, bound: BoundMsrp, places: Places, files: FileTransfers | None) -> MsrpSession:
    session = bound.session
    return MsrpSession(
        id=f"msrp-{session.ordinal}",
        hop=hop,
        from_addr=str(session.endpoints.src),
        to_addr=str(session.endpoints.dst),
        transport=session.transport,
        bound=bound.by,
        ids_match=bound.ids_match,
        relayed=session.relayed,
        requests=dict(sorted(session.requests.items())),
        responses=dict(sorted(session.responses.items())),
        messages=session.messages,
        bytes=session.message_bytes,
        aborted=session.aborted,
        unanswered=session.unanswered,
        success_reports=session.success_reports,
        failure_reports=session.failure_reports,
        types=tuple(session.types),
        speakers=tuple(dict.fromkeys(uri for _, uri in session.speakers)),
        addressees=tuple(session.addressees),
        files=tuple(_file(selector, sender) for selector, sender in fact.files),
        saved=tuple(SavedFile(f.name, f.size, f.complete, f.as_described) for f in files.saved(session))
        if files is not None
        else (),
        first=places.cite(session.first),
        last=places.cite(session.last),
    )


def _file(selector: str, sender: str) -> File:
    told = file_selector.parse(selector)
    return File(told.name, told.type, told.size, told.hash or None, sender)  # type: ignore[arg-type]  # an end


def _bfcp(hop: str, bound: BoundBfcp, places: Places) -> BfcpSession:
    session = bound.session
    return BfcpSession(
        id=f"bfcp-{session.ordinal}",
        hop=hop,
        client=str(session.client),
        server=str(session.server),
        transport=session.transport,
        bound=bound.by,
        mismatches=bound.mismatches,
        conferences=tuple(session.conferences),
        users=tuple(session.users),
        floors=tuple(session.floors),
        versions=tuple(session.versions),
        primitives=dict(sorted(session.primitives.items())),
        errors=tuple(BfcpError(e.code, e.name, e.asked or None, places.cite(e.cite)) for e in session.errors),
        retransmissions=session.retransmissions,
        unanswered=session.unanswered,
        first=places.cite(session.first),
        last=places.cite(session.last),
    )


def _request(request: FloorRequestState, places: Places) -> FloorRequest:
    return FloorRequest(
        id=request.request_id,
        user=request.user_id,
        beneficiary=request.beneficiary_id,
        priority=request.priority,
        status=request.status_name,
        queue_position=request.queue_position or None,
        steps=tuple(
            FloorStep(step.status, step.queue_position or None, step.by, places.cite(step.cite))
            for step in request.steps
        ),
    )


def _chair(decision: ChairDecision, places: Places) -> ChairAction:
    return ChairAction(
        decision.request_id, decision.user_id, decision.status, decision.outcome, places.cite(decision.cite)  # type: ignore[arg-type]  # one of its words
    )  # fmt: skip
