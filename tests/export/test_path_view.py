"""The path of a call as it is drawn: nodes in their order, one line a plane or medium, words before colours."""

import re
from dataclasses import replace
from itertools import pairwise

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from analyzer.export.options import ExportOptions
from analyzer.export.path_view import path_view
from analyzer.export.table import render
from analyzer.report.model import Call, Hop, Relation
from tests import factories

CLEAR = {"state": "clear", "confidentiality": "no", "integrity": "no"}
NODES = ("ue-1", "pcscf-1", "scscf", "mrf")


def made() -> tuple[Call, list[Hop]]:
    legs = [factories.leg(id=f"leg-{n}", from_addr=a, to_addr=b) for n, (a, b) in enumerate(pairwise(NODES), 1)]
    sip = [
        factories.hop(
            id=f"hop-{n}", plane="signalling", medium="sip", from_addr=leg.from_addr, to_addr=leg.to_addr,
            state="clear_udp", confidentiality="no", integrity="no",
        )
        for n, leg in enumerate(legs, 1)
    ]  # fmt: skip
    audio = [
        factories.hop(id="hop-4", from_addr="ue-1", to_addr="pcscf-1"),
        factories.hop(id="hop-5", from_addr="pcscf-1", to_addr="mrf", **CLEAR),
    ]  # fmt: skip
    media = factories.call_media(path=("hop-4", "hop-5"))
    return factories.call(legs=legs, media=(media,)), sip + audio


def lines(view: list[RenderableType], width: int = 100) -> list[str]:
    return render(iter(view), ExportOptions(False, False, width)).split("\n")


def test_nodes_and_a_line_for_each_medium() -> None:
    drawn = lines(path_view(*made(), 100))
    assert re.findall(r"\S+", drawn[1]) == list(NODES)
    assert re.fullmatch(r"  sip +\|-- CLEAR UDP -+\|-- CLEAR UDP -+\|-- CLEAR UDP -+\|", drawn[3])
    assert re.fullmatch(r"  audio +\|== SRTP SDES =+\|-- CLEAR -+\|", drawn[4])
    assert drawn[3].rindex("|") == drawn[4].rindex("|")
    assert drawn[4].index("-- CLEAR") == drawn[3].index("-- CLEAR", drawn[3].index("|", 20) + 1 - 1)


def test_every_bar_stands_between_its_nodes() -> None:
    drawn = lines(path_view(*made(), 100))
    bars = [at for at, sign in enumerate(drawn[3]) if sign == "|"]
    for node, bar in zip(NODES, bars, strict=True):
        start = drawn[1].index(node)
        assert start <= bar <= start + len(node)


def test_a_narrow_place_gets_a_list() -> None:
    drawn = lines(path_view(*made(), 40), 40)
    assert not any("==" in line for line in drawn)
    assert sum("> " in line for line in drawn) == 5


def test_ends_that_only_media_has_stand_between_the_others() -> None:
    call, hops = made()
    hops[-2:] = [
        factories.hop(id="hop-4", from_addr="ue-1", to_addr="agw"),
        factories.hop(id="hop-5", from_addr="agw", to_addr="mrf"),
    ]
    assert set(re.findall(r"\S+", lines(path_view(call, hops, 120), 120)[1])) == {*NODES, "agw"}


def test_hops_of_one_place_follow_in_lines_of_their_own() -> None:
    call, hops = made()
    again = factories.hop(id="hop-6", from_addr="ue-1", to_addr="pcscf-1", **CLEAR)
    call = factories.call(legs=call.legs, media=(factories.call_media(path=("hop-4", "hop-5", "hop-6")),))
    drawn = lines(path_view(call, [*hops, again], 100))
    assert re.fullmatch(r"  audio +\|== SRTP SDES =+\|-- CLEAR -+\|", drawn[4])
    assert re.fullmatch(r" +\|-- CLEAR -+\|", drawn[5])


def test_hostile_names_do_not_act() -> None:
    call, hops = made()
    for text in factories.HOSTILE:
        named = factories.call(legs=[factories.leg(from_addr=text, to_addr="mrf")], media=call.media)
        for item in path_view(named, [factories.hop(from_addr=text, to_addr="mrf", plane="signalling"), *hops], 160):
            shown = item.renderable if isinstance(item, Padding) else item
            assert isinstance(shown, Text)
            assert not any(ord(sign) < 32 and sign != "\n" for sign in shown.plain)


def test_which_call_asked_for_this_one() -> None:
    call, hops = made()
    cites = (factories.cite(frame=12),)
    for role, other, expected in (
        ("asked_for", "call-7", "its INVITE was asked for in call-7 (REFER in frame 12, 90 of 100)"),
        ("asked_for", None, "its INVITE was asked for in dialog first (REFER in frame 12, 90 of 100)"),
        ("asks", "call-7", "asks for the INVITE of call-7 (REFER in frame 12, 90 of 100)"),
    ):
        relation = Relation("refer", role, 90, other, ("first", "second"), "INVITE", ("target",), None, cites)  # type: ignore[arg-type]  # one of the words of RelationRole
        drawn = lines(path_view(replace(call, related=(relation,)), hops, 100))
        assert [line.strip() for line in drawn].count(expected) == 1
