"""What rosters showed over time: somebody named and gone again, nobody named, names that nobody asserted (RFC 4575)."""

import pytest

from analyzer.session import rosters
from tests.pipeline.sip_text import dialog, request
from tests.pipeline.wire import Wire
from tests.session.test_conferences import ALICE, BOB, MRF, NOBODY, ROSTER, SCSCF
from tests.session.test_conferences import _dial_in as dial_in
from tests.session.test_conferences import _dial_out as dial_out
from tests.session.test_conferences import _pai as pai
from tests.session.test_conferences import _run as run
from tests.session.test_conferences import _said as said
from tests.session.test_conferences import _user as user

GONE = '<user entity="sip:alice@ims.example" state="deleted"/>'


def notify(
    wire: Wire, version: int, *users: str, state: str = "full", listed: str = "full", subscription: str = "sub"
) -> None:
    """A document of a subscription; `listed`: whether its users are all (RFC 4575 5.1, 5.5)."""
    xml = (
        '<?xml version="1.0"?><conference-info xmlns="urn:ietf:params:xml:ns:conference-info" '
        f'entity="sip:conf7@10.0.0.13" state="{state}" version="{version}"><users state="{listed}">{"".join(users)}'
        "</users></conference-info>"
    )
    parties = {"caller": "<sip:conf7@10.0.0.13>;tag=n", "called": f"{BOB};tag=s"}
    head = dialog(subscription, 3 + version, "NOTIFY", via=["10.0.0.13"], **parties)
    wire.udp(MRF, SCSCF, request("NOTIFY", "sip:bob@10.2.0.2", [*head, "Event: conference"], xml.encode(), ROSTER))


def private(wire: Wire, call_id: str = "private") -> None:
    """Alice dials in, named to the focus and to nobody else (RFC 3325 7)."""
    dial_in(wire, call_id, pai(ALICE), "Privacy: id", caller=NOBODY)


def leave(wire: Wire, call_id: str = "private") -> None:
    """Her BYE."""
    parties = {"caller": f"{NOBODY};tag=a", "called": "<sip:conf@ims.example>;tag=b"}
    wire.udp(SCSCF, MRF, request("BYE", "sip:conf7@10.0.0.13", dialog(call_id, 2, "BYE", via=["10.0.0.1"], **parties)))


@pytest.mark.parametrize("kind", ["full", "partial"])
def test_who_was_named_stays_named_when_she_is_gone(kind: str) -> None:
    """A later document takes nothing back from those who read the former (4.6: full replaces, partial deletes)."""
    wire = Wire()
    private(wire)
    notify(wire, 1, user("sip:alice@ims.example"))
    notify(wire, 2, *([GONE] if kind == "partial" else []), state=kind, listed=kind)
    assert said(run(wire), "CONF-10") == {"fail": 1}


def test_a_roster_from_before_she_came_shows_nothing_of_her() -> None:
    wire = Wire()
    notify(wire, 1, user("sip:bob@ims.example"))
    private(wire)
    assert said(run(wire), "CONF-10") == {"open": 1}
    notify(wire, 2, user("sip:bob@ims.example"))
    assert said(run(wire), "CONF-10") == {"pass": 1}


def test_a_roster_from_after_she_left_shows_nothing_of_her() -> None:
    wire = Wire()
    private(wire)
    leave(wire)
    notify(wire, 1, user("sip:bob@ims.example"))
    assert said(run(wire), "CONF-10") == {"open": 1}


def test_what_she_was_called_before_she_asked_for_privacy() -> None:
    """Two calls of one user: named in the first, when she had nothing against it."""
    wire = Wire()
    dial_in(wire, "first", pai(ALICE))
    notify(wire, 1, user("sip:alice@ims.example"))
    leave(wire, "first")
    notify(wire, 2, GONE, state="partial", listed="partial")
    private(wire)
    notify(wire, 3, user("sip:a1@anonymous.invalid"))
    assert said(run(wire), "CONF-10") == {"pass": 1}


def test_documents_of_a_part_of_the_users_leave_it_open() -> None:
    """Partial ones alone, and with a version missing before them: she may stand in what was not captured."""
    wire = Wire()
    private(wire)
    notify(wire, 4, user("sip:bob@ims.example"), state="partial", listed="partial")
    assert said(run(wire), "CONF-10") == {"open": 1}
    wire = Wire()
    notify(wire, 1, user("sip:bob@ims.example"))
    private(wire)
    notify(wire, 3, user("sip:carol@ims.example"), state="partial", listed="partial")
    assert said(run(wire), "CONF-10") == {"open": 1}


def test_versions_count_for_each_subscription() -> None:
    """5.1: the second subscriber's first document is not old because the first one's has a higher version."""
    wire = Wire()
    private(wire)
    notify(wire, 7, user("sip:bob@ims.example"))
    notify(wire, 1, user("sip:alice@ims.example"), state="partial", listed="partial", subscription="other")
    assert said(run(wire), "CONF-10") == {"fail": 1}


def test_a_wrong_name_stays_wrong_when_it_is_gone() -> None:
    wire = Wire()
    dial_in(wire, "one", pai(ALICE))
    notify(wire, 1, user("sip:carol@ims.example", "one"))
    notify(wire, 2)
    assert said(run(wire), "CONF-11") == {"fail": 1}


def test_a_roster_that_names_nobody_is_not_right() -> None:
    wire = Wire()
    dial_in(wire, "one", pai(ALICE))
    notify(wire, 1)
    notify(wire, 2, user("sip:a1@anonymous.invalid"))
    assert said(run(wire), "CONF-11") == {}


def test_a_name_that_nobody_asserted_proves_nothing() -> None:
    """5.6: entity is the authenticated identity. From, and whom a focus called, are not."""
    wire = Wire()
    dial_in(wire, "one")
    notify(wire, 1, user("sip:alice@ims.example", "one"))
    assert said(run(wire), "CONF-11") == {"open": 1}
    wire = Wire()
    dial_out(wire, "out")
    notify(wire, 1, user("sip:bob@ims.example", "out"))
    assert said(run(wire), "CONF-11") == {"open": 1}


def test_what_is_forgotten_is_not_said_to_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rosters, "MAX_SHOWN", 1)
    wire = Wire()
    private(wire)
    notify(wire, 1, user("sip:bob@ims.example"), user("sip:alice@ims.example"))
    assert said(run(wire), "CONF-10") == {"open": 1}
    monkeypatch.undo()
    wire = Wire()
    private(wire)
    for version in range(1, 40):  # more documents than a subscription keeps
        notify(wire, version, user("sip:bob@ims.example"))
    assert said(run(wire), "CONF-10") == {"open": 1}


def test_a_conference_that_let_nobody_in_protects_nothing() -> None:
    """CONF-09 is about the legs of participants: an INVITE that was refused is none."""
    wire = Wire()
    dial_in(wire, "one", pai(ALICE), status=403)
    assert said(run(wire), "CONF-09") == {"open": 1}
