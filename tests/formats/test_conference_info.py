"""Conference documents as RFC 4575 7 writes them; bombs and floods within bounds."""

from functools import partial

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.formats.conference_info import ConferenceInfo, merge, parse
from tests.linear import assert_linear

CITES = (Cite(0, 7, 0, 900, 1),)
NS = 'xmlns="urn:ietf:params:xml:ns:conference-info"'
ALICE = """<user entity="sip:alice@example.com" state="full"><display-text>Alice</display-text>
<endpoint entity="sip:4kfk4j392jsu@example.com;grid=433kj4j3u"><status>connected</status>
<joining-method>dialed-out</joining-method><joining-info><by>sip:mike@example.com</by></joining-info>
<media id="1"><display-text>main audio</display-text><type>audio</type><label>34567</label><src-id>534232</src-id>
<status>sendrecv</status></media></endpoint></user>"""
BASIC = f"""<?xml version="1.0" encoding="UTF-8"?>
<conference-info {NS} entity="sips:conf233@example.com" state="full" version="1">
<!-- CONFERENCE INFO -->
<conference-description><subject>Agenda: This month's goals</subject></conference-description>
<conference-state><user-count>33</user-count></conference-state>
<users><user entity="sip:bob@example.com" state="full"><display-text>Bob Hoskins</display-text>
<endpoint entity="sip:bob@pc33.example.com"><display-text>Bob's Laptop</display-text><status>disconnected</status>
<disconnection-method>departed</disconnection-method></endpoint></user>{ALICE}</users></conference-info>""".encode()
RICH = f"""<conference-info {NS} entity="sips:conf233@example.com" state="partial" version="5">
<conference-description><display-text>Weekly Sales Meeting</display-text>
<conf-uris><entry><uri>tel:+18005671234</uri><purpose>participation</purpose></entry></conf-uris>
</conference-description>
<conference-state><user-count>32</user-count><active>true</active><locked>false</locked></conference-state>
<users><user entity="sip:bob@example.com"><display-text>Bob Hoskins</display-text>
<associated-aors><entry><uri>mailto:bob@example.com</uri></entry></associated-aors>
<roles><entry>participant</entry></roles>
<endpoint entity="sip:bob@pc33.example.com"><referred><by>sip:mike@example.com</by></referred>
<status>disconnecting</status><joining-method>dialed-out</joining-method>
<disconnection-method>booted</disconnection-method>
<call-info><sip><call-id>hsjh8980vhsb78</call-id><from-tag>vav738dvbs</from-tag><to-tag>8954jgjg8432</to-tag></sip>
</call-info></endpoint></user></users></conference-info>""".encode()


def info(data: bytes, limits: Limits | None = None) -> ConferenceInfo:
    found = parse(data, CITES, limits or Limits())
    assert isinstance(found, ConferenceInfo)
    return found


def refusal(data: bytes, limits: Limits | None = None) -> str:
    found = parse(data, CITES, limits or Limits())
    assert isinstance(found, Anomaly)
    assert found.cites == CITES
    return found.kind.code


def changed(users: str, version: int, state: str = "partial") -> ConferenceInfo:
    head = f'<conference-info {NS} entity="sips:conf233@example.com" state="{state}" version="{version}">'
    return info(f"{head}<users state='partial'>{users}</users></conference-info>".encode())


def test_the_basic_example() -> None:
    """RFC 4575 7.1."""
    found = info(BASIC)
    assert (found.entity, found.state, found.version, found.user_count) == ("sips:conf233@example.com", "full", 1, 33)
    assert found.subject == "Agenda: This month's goals"
    assert [user.entity for user in found.users] == ["sip:bob@example.com", "sip:alice@example.com"]
    (bob,), (alice,) = (user.endpoints for user in found.users)
    assert (bob.status, bob.disconnection, bob.joining) == ("disconnected", "departed", "")
    assert (alice.status, alice.joining) == ("connected", "dialed-out")
    (audio,) = alice.media
    assert (audio.id, audio.type, audio.label, audio.src_id, audio.status) == (
        "1", "audio", "34567", "534232", "sendrecv",
    )  # fmt: skip
    assert found.cites == CITES
    assert not found.anomalies


def test_the_rich_example() -> None:
    """RFC 4575 7.2."""
    found = info(RICH)
    assert (found.state, found.version, found.active, found.locked) == ("partial", 5, True, False)
    assert found.uris == ("tel:+18005671234",)
    (bob,) = found.users
    assert (bob.roles, bob.associated) == (("participant",), ("mailto:bob@example.com",))
    (endpoint,) = bob.endpoints
    assert (endpoint.status, endpoint.disconnection, endpoint.referred_by) == (
        "disconnecting", "booted", "sip:mike@example.com",
    )  # fmt: skip
    assert (endpoint.call_id, endpoint.from_tag, endpoint.to_tag) == ("hsjh8980vhsb78", "vav738dvbs", "8954jgjg8432")


def test_partial_documents_change_what_is_known() -> None:
    """RFC 4575 4.6: parts are added, changed and deleted; the user that is not named stays as it was."""
    known, gaps = merge(None, info(BASIC))
    assert not gaps
    known, gaps = merge(known, info(RICH))
    assert [anomaly.kind.code for anomaly in gaps] == ["conference_info.version_gap"]  # 2, 3 and 4 were not seen
    assert (known.version, known.user_count, known.subject) == (5, 32, "Agenda: This month's goals")
    bob = known.user("sip:bob@example.com")
    assert bob is not None
    assert bob.endpoints[0].status == "disconnecting"
    assert known.user("sip:alice@example.com") == info(BASIC).users[1]
    muted = "<user entity='sip:alice@example.com' state='partial'><roles><entry>chair</entry></roles></user>"
    known, gaps = merge(known, changed(muted + "<user entity='sip:bob@example.com' state='deleted'/>", 6))
    assert not gaps
    (alice,) = known.users
    assert (alice.roles, alice.display_text, alice.endpoints[0].status) == (("chair",), "Alice", "connected")


def test_what_is_not_newer_changes_nothing() -> None:
    known = info(BASIC)
    assert merge(known, changed("<user entity='sip:x@y'/>", 1)) == (known, ())


def test_a_deleted_conference_has_no_users() -> None:
    known, _ = merge(info(BASIC), changed("", 2, state="deleted"))
    assert (known.state, known.users) == ("deleted", ())


def test_bombs_are_refused() -> None:
    """Billion laughs, quadratic blow-up, external entities: no document type is read at all."""
    laughs = "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 20))
    assert refusal(f"<!DOCTYPE x [<!ENTITY a0 'ha'>{laughs}]><x>&a19;</x>".encode()) == "xml.forbidden"
    assert refusal(b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>") == "xml.forbidden"
    assert refusal(b"<!DOCTYPE html><x/>") == "xml.forbidden"


def test_floods_are_bounded() -> None:
    assert refusal(b"<x>" + b" " * 262_144 + b"</x>") == "xml.too_long"
    few = info(BASIC.replace(b"</users>", b"<user entity='sip:x@y'/>" * 9 + b"</users>"), Limits(roster_entries=5))
    assert [anomaly.kind.code for anomaly in few.anomalies] == ["conference_info.limit"]
    assert len(few.users) <= 5


def test_depth_is_read_in_linear_time() -> None:
    assert refusal(b"<a>" * 80_000) == "xml.malformed"
    assert_linear(lambda depth: partial(refusal, b"<a>" * depth), 40_000)


def test_other_documents_are_named() -> None:
    assert refusal(b"<presence/>") == "conference_info.shape"
    assert refusal(b"") == refusal(b"\xff\xfe<") == refusal(b"<a></b>") == "xml.malformed"
    assert refusal(b"<?xml version='1.0' encoding='no-such'?><a/>") == "xml.malformed"
    strange = info(BASIC.replace(b'state="full" version="1"', b'state="new" version="-1"'))
    assert (strange.state, strange.version) == ("full", None)
    assert [anomaly.kind.code for anomaly in strange.anomalies] == ["conference_info.state"] * 2
