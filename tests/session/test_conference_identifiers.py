"""The conference of a dialog between an application server and its MRFC: TS 23.218 8.1.3 and B.2 fix no place for the
identifier that the INVITEs of one conference have in common. A wrong conference is worse than none."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.limits import SECOND_NS, Limits
from analyzer.formats.mime import BodyPart
from analyzer.pipeline.assemble import assemble
from analyzer.pipeline.engine import Engine
from analyzer.report.codec import to_json
from analyzer.session.body_tokens import MAX_TOKENS, looks_like_one, part_tokens
from analyzer.session.conference_identifiers import discover, tells_time
from analyzer.session.controlled import ControlDialog
from analyzer.session.topology import Topology, load
from tests.golden.runs import tree
from tests.linear import assert_linear
from tests.pipeline.sip_text import dialog, request, response
from tests.pipeline.wire import START_NS, STEP_NS, Wire, anomalies, at

AS, MRFC = "10.0.0.20", "10.0.0.30"
XML = "application/mediaservercontrol+xml"
TARGET, CONTACT = "sip:mrfc@mrfc.ims.example", "<sip:as@10.0.0.20>"


def topology() -> Topology:
    loaded, problems = load(
        b"""
format: 1
zones: {core: {trust: inside, nets: [10.0.0.0/24]}}
nodes:
  as-1: {role: as, zone: core, addresses: [{ip: 10.0.0.20}]}
  as-2: {role: as, zone: core, addresses: [{ip: 10.0.0.21}]}
  mrfc: {role: mrfc, zone: core, addresses: [{ip: 10.0.0.30}]}
trust_domain: {zones: [core]}
""",
        "mrfc",
    )
    assert not problems
    return loaded


def invite(
    wire: Wire,
    number: int,
    body: str = "",
    kind: str = XML,
    *,
    target: str = TARGET,
    contact: str = CONTACT,
    server: str = AS,
    status: int = 200,
    called: str = "",
    session: tuple[str, ...] = (),
) -> None:
    """The INVITE of an application server for one participant, and its answer."""
    called = called or f"user{number}"
    names = {"via": [server], "caller": f"<sip:as@{server}>;tag=f"}
    ask = dialog(f"m{number}", 1, "INVITE", called=f"<sip:{called}@ims.example>", **names)
    say = dialog(f"m{number}", 1, "INVITE", called=f"<sip:{called}@ims.example>;tag=m", **names)
    wire.now_ns += 1_000_000 - STEP_NS
    lines = [*ask, *([f"Contact: {contact}"] if contact else []), *(f"Session-ID: {each}" for each in session[:1])]
    say += [f"Session-ID: {each}" for each in session[1:]]
    wire.udp(at(server, 5060), at(MRFC, 5060), request("INVITE", target, lines, body.encode(), kind))
    wire.now_ns += 1_000_000 - STEP_NS
    wire.udp(at(MRFC, 5060), at(server, 5060), response(status, say))


def conferences(engine: Engine) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tree(to_json(assemble(engine, [])))["conferences"]
    return found


def together(wire: Wire) -> list[list[int]]:
    """The participants of each conference, by the numbers of their calls, which are in the order of their INVITEs."""
    return [[int(call.removeprefix("call-")) - 1 for call in row["legs"]] for row in conferences(run(wire))]


def run(wire: Wire, **options: Any) -> Engine:
    return wire.run(topology=topology(), **options)


def made(bodies: Sequence[str], kind: str = XML) -> Wire:
    """An INVITE with each body, and nothing else that tells them apart."""
    wire = Wire()
    for number, body in enumerate(bodies):
        invite(wire, number, body, kind)
    return wire


def sdp(*lines: str, name: str = "-") -> str:
    body = "".join(f"{line}\r\n" for line in lines)
    head = f"v=0\r\no=- 1 1 IN IP4 10.1.0.2\r\ns={name}\r\n"
    info = "".join(f"{line}\r\n" for line in lines if line.startswith("i="))
    body = "".join(f"{line}\r\n" for line in lines if not line.startswith("i="))
    return f"{head}{info}c=IN IP4 10.1.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n{body}"


SDP = "application/sdp"
MIXED = "multipart/mixed;boundary=b1"


def mixed(*parts: tuple[str, str]) -> str:
    return "".join(f"--b1\r\nContent-Type: {kind}\r\n\r\n{body}\r\n" for kind, body in parts) + "--b1--\r\n"


# -- called after a conference: known from one INVITE ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "contact", "uri", "place"),
    [
        ("sip:conf=c4711@mrfc.ims.example", CONTACT, "sip:conf=c4711@mrfc.ims.example", "Request-URI"),
        (f"{TARGET};conf-id=4711", "<sip:as77@10.0.0.20>", "sip:4711@mrfc.ims.example", "Request-URI conf-id"),
        (TARGET, "<sip:as@10.0.0.20;conference=4711>", "sip:4711@mrfc.ims.example", "Contact conference"),
        (TARGET, "<sip:as@10.0.0.20>;confid=4711", "sip:4711@mrfc.ims.example", "Contact confid"),
    ],
)
def test_a_parameter_or_user_that_is_called_after_a_conference(target: str, contact: str, uri: str, place: str) -> None:
    """RFC 4240 5 (conf=), and parameters as implementations call them."""
    wire = Wire()
    for number in range(2):
        invite(wire, number, target=target, contact=contact)
    invite(wire, 2, target=target.replace("4711", "4712"), contact=contact.replace("4711", "4712"))
    rows = conferences(run(wire))
    assert [(row["uri"], len(row["legs"])) for row in rows] == [(uri, 2), (uri.replace("4711", "4712"), 1)]
    grouping = rows[0]["grouping"]
    assert (grouping["by"], grouping["place"], grouping["score"]) == ("identifier", place, 100)
    assert [cite["frame"] for cite in grouping["evidence"]] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("kind", "body", "place"),
    [
        (XML, "<control><conference id=\"{}\"/></control>", f"{XML} conference/@id"),
        (XML, "<control><conf-id>{}</conf-id></control>", f"{XML} conf-id"),
        (XML, "<control><conference><id>{}</id></conference></control>", f"{XML} id"),
        (XML, "<control><mixer ConferenceID=\"{}\"/></control>", f"{XML} mixer/@ConferenceID"),
        ("application/msml+xml", "<msml><createconference name=\"{}\"/></msml>",
         "application/msml+xml createconference/@name"),
        ("application/msml+xml", "<msml><join id1=\"conn:77\" id2=\"conf:{}\"/></msml>",
         "application/msml+xml join/@id2"),
        (XML, "<control><conference-id>sip:{}@conf.ims.example</conference-id></control>", f"{XML} conference-id"),
        ("text/plain", "Action: join\r\nConference-ID: {}\r\n", "text/plain Conference-ID"),
        ("application/json", "{{\"action\": \"join\", \"conference_id\": \"{}\"}}", "application/json conference_id"),
        (SDP, sdp("a=x-conf-id:{}"), "SDP a=x-conf-id"),
        (SDP, sdp("m=application 5070 TCP/BFCP *", "a=confid:{}"), "SDP a=confid"),
        (MIXED, mixed((SDP, sdp()), (XML, "<control><conference id=\"{}\"/></control>")), f"{XML} conference/@id"),
    ],
)  # fmt: skip
def test_a_body_that_calls_something_after_a_conference(kind: str, body: str, place: str) -> None:
    """TS 23.218 8.1.3; RFC 5707 (MSML: conf:name), RFC 8856 11 (confid). With one conference alone, too."""
    for numbers in ((4711, 4711), (4711, 4711, 4712, 4711, 4712)):
        wire = made([body.format(number) for number in numbers], kind)
        rows = conferences(run(wire))
        assert [row["uri"] for row in rows] == [f"sip:{n}@mrfc.ims.example" for n in sorted(set(numbers))]
        assert [len(row["legs"]) for row in rows] == [numbers.count(n) for n in sorted(set(numbers))]
        assert {(row["grouping"]["by"], row["grouping"]["place"]) for row in rows} == {("identifier", place)}


def test_what_is_called_so_and_names_nothing() -> None:
    """A flag, a counter of one digit, a word of a template: not an identifier of one conference."""
    for value in ("true", "1", "audio"):
        assert together(made([f'<control><conference id="{value}"/></control>'] * 3)) == [[0], [1], [2]]
    wire = Wire()
    for number in range(2):
        invite(wire, number, target=f"{TARGET};conference=true")
    assert together(wire) == [[0], [1]]


def test_a_template_that_calls_itself_a_conference() -> None:
    """The same in all INVITEs: it counts where nothing else tells conferences apart, and only there."""
    body = "<control><conference id='default-0001'/><mixer key='k{:08d}'/></control>"
    order = (1, 2, 1, 3, 2)
    assert together(made([body.format(n) for n in order])) == [[0, 2], [1, 4], [3]]
    assert together(made([body.format(n) for n in range(3)])) == [[0, 1, 2]], "as one conference looks, too"
    wire = Wire()
    for number, conference in enumerate(order):
        invite(wire, number, body.format(0), contact=f"<sip:c471{conference}@10.0.0.20>")
    assert together(wire) == [[0, 2], [1, 4], [3]]


def test_a_dialog_without_a_body_is_by_itself() -> None:
    wire = Wire()
    for number, word in enumerate(("4711", "4712", "", "4711")):
        invite(wire, number, f"<control><conf-id>{word}</conf-id></control>" if word else "")
    assert together(wire) == [[0, 3], [1], [2]]


def test_one_identifier_of_two_servers_is_of_two_conferences() -> None:
    """It is unique where it is given."""
    wire = Wire()
    for number, server in enumerate((AS, "10.0.0.21", AS)):
        invite(wire, number, '<control><conference id="4711"/></control>', server=server)
    assert together(wire) == [[0, 2], [1]]


def test_an_attempt_that_the_mrfc_refuses() -> None:
    wire = Wire()
    for number, status in enumerate((200, 486)):
        invite(wire, number, '<control><conference id="4711"/></control>', status=status)
    assert together(wire) == [[0, 1]]


# -- a word in common -----------------------------------------------------------------------------------------------

WORDS = ("7f3a9c2e-41d8-4b0a", "77880011-c4711", "ms-20881764")
PLACES = [
    (XML, "<control><mixer token=\"{}\"/></control>", f"{XML} mixer/@token"),
    (XML, "<control version=\"1\"><room><key>{}</key></room></control>", f"{XML} key"),
    ("text/plain", "action: join\r\nhandle: {}\r\n", "text/plain handle"),
    (SDP, sdp(name="Mixer {}"), "SDP s="),
    (SDP, sdp("i=conference {}"), "SDP i="),
    (SDP, sdp("a=x-mixer:{}"), "SDP a=x-mixer"),
    (MIXED, mixed((SDP, sdp()), ("text/plain", "handle: {}")), "text/plain handle"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "place"), PLACES)
def test_a_word_that_some_invites_have_in_common_and_others_have_not(kind: str, body: str, place: str) -> None:
    order = (0, 1, 0, 2, 1, 0)
    rows = conferences(run(made([body.format(WORDS[at_word]) for at_word in order], kind)))
    assert [(row["uri"], len(row["legs"])) for row in rows] == [
        (f"sip:{word}@mrfc.ims.example", order.count(number)) for number, word in enumerate(WORDS)
    ]
    grouping = rows[0]["grouping"]
    assert (grouping["by"], grouping["place"], grouping["score"]) == ("common_word", place, 80)
    assert grouping["evidence"]


@pytest.mark.parametrize(
    ("target", "contact", "place"),
    [
        ("sip:c{}@mrfc.ims.example", CONTACT, "Request-URI"),
        (TARGET, "<sip:c{}@10.0.0.20>", "Contact"),
        ("sip:mrfc.ims.example", "<sip:c{}@10.0.0.20>", "Contact"),
        ("sip:mrfc01@mrfc.ims.example", "<sip:c{}@10.0.0.20>", "Contact"),
    ],
)
def test_users_of_request_uri_and_contact(target: str, contact: str, place: str) -> None:
    wire = Wire()
    for number, conference in enumerate((4711, 4712, 4711)):
        invite(wire, number, target=target.format(conference), contact=contact.format(conference))
    rows = conferences(run(wire))
    assert [(row["uri"], len(row["legs"])) for row in rows] == [
        ("sip:c4711@mrfc.ims.example", 2), ("sip:c4712@mrfc.ims.example", 1),
    ]  # fmt: skip
    assert rows[0]["grouping"]["place"] == place


M, N = "ab30317f1a784dc48ff824d0d3715d86", "47755a9de7794ba387653f2099600ef2"  # UUIDs of RFC 7989 10.1


@pytest.mark.parametrize("conferences_of", [(M, M, M), (M, N, M, N)])
@pytest.mark.parametrize("end", ["server", "MRFC"])
def test_one_uuid_of_the_focus_for_all_participants(end: str, conferences_of: tuple[str, ...]) -> None:
    """RFC 7989 9: an MCU has one UUID for all participants of a conference, and they have their own; 4.2: no other end
    uses one twice. Which of the two is the focus is not known."""
    wire = Wire()
    for number, focus in enumerate(conferences_of):
        own = f"{number + 1:032x}"
        ours, theirs = (focus, own) if end == "server" else (own, focus)
        invite(wire, number, session=(f"{ours};remote={'0' * 32}", f"{theirs};remote={ours}"))
    rows = conferences(run(wire))
    assert [len(row["legs"]) for row in rows] == [conferences_of.count(each) for each in dict.fromkeys(conferences_of)]
    assert rows[0]["grouping"]["place"] == f"Session-ID of the {end}"


def test_sessions_of_their_own_are_no_conference() -> None:
    wire = Wire()
    for number in range(3):
        ours, theirs = f"{number + 1:032x}", f"{number + 77:032x}"
        invite(wire, number, session=(f"{ours};remote={'0' * 32}", f"{theirs};remote={ours}"))
    assert together(wire) == [[0], [1], [2]]


def test_the_rows_of_calls_name_the_conference_that_was_known_at_the_end() -> None:
    body = PLACES[0][1]
    report = tree(to_json(assemble(run(made([body.format(WORDS[n]) for n in (0, 1, 0)])), [])))
    named = {call: row["id"] for row in report["conferences"] for call in row["legs"]}
    assert {call["id"]: call["conference"] for call in report["calls"]} == named
    assert len(set(named.values())) == 2


def test_hundreds_of_conferences_at_one_mrfc_at_once() -> None:
    """Interleaved INVITE by INVITE; beside the identifier stands a template that all have."""
    body = '<control xmlns="urn:ietf:params:xml:ns:mixer" build="2011-004"><mixer key="k{:08d}"/></control>'
    number = 100
    wire = made([body.format(conference) for _ in range(3) for conference in range(number)])
    assert sorted(together(wire)) == [[n, n + number, n + 2 * number] for n in range(number)]


# -- what is no identifier ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bodies",
    [
        ["<control><mixer token=\"7f3a9c2e-41d8\"/></control>"] * 4,
        [f"<control><mixer token=\"7f3a9c2e-41d{n}\"/></control>" for n in range(4)],
        [f"<control><audio codec=\"{c}\"/></control>" for c in ("telephone-event-8000", "AMRWB-16000") * 2],
        [f"<control><audio kind=\"{c}\"/></control>" for c in ("moderator", "listener") * 2],
        [f"<control xmlns=\"urn:x:{n}\"/>" for n in (20230001, 20230002) * 2],
        [f"<control><v>{n}</v></control>" for n in ("10.20.30.4000", "10.20.30.4001") * 2],
        [f"<control at=\"{START_NS // SECOND_NS + n}\"/>" for n in (0, 0, 1, 1)],
        ["<control><mixer token=\"7f3a9c2e-41d8\"/></control>"] * 2 + ["<control><mixer token=\"\"/></control>"] * 2,
        ["<control"] * 4,
        ["<!DOCTYPE a [<!ENTITY e \"x\">]><control><conf-id>4711</conf-id></control>"] * 2,
    ],
    ids=["a constant", "new each time", "codecs", "plain words", "namespaces", "versions", "the moment", "not in all",
         "no XML", "entities"],
)  # fmt: skip
def test_what_joins_nothing(bodies: list[str]) -> None:
    wire = Wire()
    for number, body in enumerate(bodies):
        invite(wire, number, body)
    assert together(wire) == [[n] for n in range(len(bodies))]


def test_who_is_called_is_no_conference() -> None:
    """A participant who is called again, into whatever conference."""
    wire = Wire()
    for number in range(4):
        called = f"callee{number // 2:04d}"
        invite(wire, number, f"<control><to>{called}</to></control>", called=called)
    assert together(wire) == [[0], [1], [2], [3]]


@pytest.mark.parametrize("number", ["493012345", "49-30-12345", "+493012345"])
def test_a_server_that_puts_who_takes_part_into_contact(number: str) -> None:
    """However the number is written: who calls twice may call two conferences."""
    wire = Wire()
    for each in range(4):
        who = number if each < 2 else number.replace("45", "67")
        written = who.replace("-", "").replace("+", "")
        invite(wire, each, contact=f"<sip:{who}@10.0.0.20>", called=f"+{written}")
    assert together(wire) == [[0], [1], [2], [3]]


def test_what_two_servers_call_by_one_request_uri_is_one_conference() -> None:
    """A URI names one resource, whoever asks for it (RFC 3261 19.1)."""
    wire = Wire()
    for number, (server, conference) in enumerate(((AS, 1), ("10.0.0.21", 1), (AS, 2), (AS, 1))):
        invite(wire, number, target=f"sip:c471{conference}@mrfc.ims.example", server=server)
    assert together(wire) == [[0, 1, 3], [2]]


def test_that_nothing_tells_the_conferences_apart_is_said() -> None:
    engine = run(made(['<control><mixer token="7f3a9c2e-41d8"/></control>'] * 4))
    assert anomalies(engine)["conference.unnamed"] == 1
    assert {row["grouping"]["by"] for row in conferences(engine)} == {"none"}
    assert "conference.unnamed" not in anomalies(run(made([PLACES[0][1].format(WORDS[n]) for n in (0, 1, 0)])))
    alone = run(made(["<control/>"]))
    assert "conference.unnamed" not in anomalies(alone), "one dialog is no doubt"


def test_two_places_that_contradict_each_other() -> None:
    """A device and a conference, say: which is which is not known."""
    pairs = [(0, 0), (0, 1), (1, 0), (1, 1)]
    body = '<control><mixer a="aa-0000{}" b="bb-0000{}"/></control>'
    assert together(made([body.format(a, b) for a, b in pairs])) == [[0], [1], [2], [3]]


def test_of_two_places_the_one_that_divides_finer_counts() -> None:
    """All conferences of one tenant have the tenant's number, too."""
    pairs = [(0, 0), (0, 1), (1, 2), (0, 0), (0, 1), (1, 2), (1, 3)]
    body = '<control><mixer tenant="aa-0000{}" key="bb-0000{}"/></control>'
    assert together(made([body.format(a, b) for a, b in pairs])) == [[0, 3], [1, 4], [2, 5], [6]]


def test_a_word_that_comes_again_when_its_calls_are_long_over() -> None:
    """What belongs to a user or a device comes again; an identifier is of one conference."""
    dialogs = [
        ControlDialog(
            "as", "mrfc", TARGET, "h", at_s * SECOND_NS, (at_s + 10) * SECOND_NS, {"x key": word}, frozenset("x")
        )
        for at_s, word in ((0, "one"), (5, "two"), (12, "one"), (200, "one"))
    ]
    assert [each.word for each in discover(dialogs[:3]) if each] == ["one", "two", "one"]
    assert discover(dialogs) == [None] * 4


def test_what_a_participant_wrote_into_its_description_is_no_identifier() -> None:
    """3PCC hands the offer of the UE to the MRFC: a phone's model is in s= of both legs."""
    models = ("GXP-216000", "GXP-217000", "GXP-216000", "GXP-217000")
    for handed_on in (False, True):
        wire = Wire()
        for number, model in enumerate(models):
            offer = sdp(name=model).replace("10.1.0.2", f"10.1.0.{number + 2}")
            if handed_on:
                caller, called = f"<sip:u{number}@x.example>;tag=u", "<sip:conf@ims.example>"
                ask = dialog(f"u{number}", 1, "INVITE", via=["10.0.0.1"], caller=caller, called=called)
                came = request("INVITE", "sip:conf@ims.example", ask, offer.encode(), SDP)
                wire.udp(at("10.0.0.1", 5060), at(AS, 5060), came)
            invite(wire, number, offer, SDP)
        assert len(conferences(run(wire))) == (4 if handed_on else 2)


def test_words_that_tell_the_time() -> None:
    """RFC 5905 6: NTP seconds are those since 1970 and 2,208,988,800 more; START_NS is 2023-11-14 22:13:20 UTC."""
    for word in ("1700000000", "1700000000123", "1700003600", "3908988800", "20231114", "20231115T010203Z"):
        assert tells_time(START_NS, word)
    for word in ("1600000000", "20231120", "c20231114", "4711", "7f3a9c2e"):
        assert not tells_time(START_NS, word)


# -- properties, time and memory ------------------------------------------------------------------------------------


@given(st.sampled_from((XML, "text/plain", "application/json", "application/isup")), st.binary(max_size=400))
def test_reading_words_is_total_and_bounded(kind: str, body: bytes) -> None:
    found = part_tokens(BodyPart(kind, "", body), Limits())
    assert len(found) <= MAX_TOKENS + 1
    assert all(len(token.text) <= 128 and len(token.place) <= 200 for token in found)


@given(st.text("abcdefg:=\"' \r\n.-0123", max_size=300))
def test_words_of_lines_have_a_place_each(text: str) -> None:
    found = part_tokens(BodyPart("text/plain", "", text.encode()), Limits())
    assert len({token.place for token in found}) == len(found)
    assert all(token.named or looks_like_one(token.text) for token in found[1:])


@pytest.mark.parametrize("character", ["a", "a=", "<a b='", "a:a"])
def test_reading_words_takes_linear_time(character: str) -> None:
    def prepare(size: int) -> Callable[[], object]:
        part = BodyPart("text/plain", "", (character * size)[:size].encode())
        return lambda: part_tokens(part, Limits())

    assert_linear(prepare, 4_096)


def test_discovery_takes_linear_time() -> None:
    """An adversary: a kind of body and a place for each dialog, or the same for all."""

    def prepare(size: int) -> Callable[[], object]:
        dialogs = [
            ControlDialog(
                "as", "mrfc", TARGET, "h", n, n + SECOND_NS,
                {f"k{n} a": "x", "k b": f"w{n // 2}", f"k c{n}": "y"}, frozenset(("k", f"k{n}")),
            )
            for n in range(size)
        ]  # fmt: skip
        return lambda: discover(dialogs)

    assert_linear(prepare, 2_000)


@pytest.mark.parametrize("rows", [1, 5])
def test_batches_do_not_show(rows: int) -> None:
    wire = made([PLACES[0][1].format(WORDS[n]) for n in (0, 1, 0, 2)])
    assert to_json(assemble(run(wire), [])) == to_json(assemble(run(wire, rows=rows), []))


def test_undecided_dialogs_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.session.conferences.MAX_CONFERENCES", 3)
    engine = run(made(["<control/>"] * 5))
    assert (len(conferences(engine)), engine.closer.conferences.evicted) == (3, 2)
