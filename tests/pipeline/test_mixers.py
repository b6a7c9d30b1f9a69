"""A mixer names the sources of what it sends (RFC 3550 7.1); each is held against who takes part in its conference."""

import struct
from typing import Any

import pytest

from analyzer.core.addresses import Address
from analyzer.core.limits import Limits
from analyzer.pipeline.engine import Engine
from tests.pipeline.sdp import audio, invite_ok
from tests.pipeline.test_srtp_calls import FIRST, crypto, key, sender
from tests.pipeline.wire import Wire, anomalies, at, rows
from tests.session.test_conferences import BOB, CAROL, _dial_in, _rows, _run

A, B = at("192.0.2.1", 5060), at("192.0.2.2", 5060)
MEDIA_A, MEDIA_B = at("192.0.2.1", 4000), at("192.0.2.2", 5000)
OWN = 0x0A0B0C0D  # the mixer's SSRC


def mixed(number: int, *sources: int, ssrc: int = OWN, extension: bytes = b"", count: int | None = None) -> bytes:
    """RFC 3550 5.1: the count of CSRCs in the first byte, the list behind the SSRC."""
    first = 0x80 | (len(sources) if count is None else count) | (0x10 if extension else 0)
    head = struct.pack(">BBHII", first, 0, number & 0xFFFF, number * 160, ssrc)
    return head + b"".join(struct.pack(">I", source) for source in sources) + extension + b"\xd5" * 160


def described(*names: tuple[int, str], sender: int = OWN) -> bytes:
    """An empty RR and SDES with a chunk for each source (RFC 3550 6.4.2, 6.5)."""
    chunks = b""
    for source, name in names:
        text = struct.pack(">IBB", source, 1, len(name)) + name.encode() + b"\0"
        chunks += text + bytes(-len(text) % 4)
    rr = struct.pack(">BBHI", 0x80, 201, 1, sender)
    return rr + struct.pack(">BBH", 0x80 | len(names), 202, len(chunks) // 4) + chunks


def csrcs(engine: Engine) -> list[object]:
    return [stream["csrc"] for stream in rows(engine.closer.stream_rows)]


@pytest.mark.parametrize("size", [1, 7, 32_768])
def test_sources_are_those_that_packets_name_in_the_order_of_sight(size: int) -> None:
    wire = Wire()
    invite_ok(wire, A, B, MEDIA_A, MEDIA_B)
    for number in range(20):
        wire.udp(MEDIA_B, MEDIA_A, mixed(number, *(9, 5)[: number % 3]))
    engine = wire.run(rows=size)
    assert csrcs(engine) == [["0x00000009", "0x00000005"]]
    assert anomalies(engine) == {}


@pytest.mark.parametrize("size", [1, 7, 32_768])
def test_sources_past_the_bound_are_named(size: int) -> None:
    """Fifteen a packet at most (RFC 3550 5.1), as many as it likes over a stream."""
    wire = Wire()
    invite_ok(wire, A, B, MEDIA_A, MEDIA_B)
    for number in range(6):
        wire.udp(MEDIA_B, MEDIA_A, mixed(number, *range(15 * number + 1, 15 * number + 16)))
    engine = wire.run(rows=size, limits=Limits(contributors=20))
    assert csrcs(engine) == [[f"0x{source:08x}" for source in range(1, 21)]]
    assert anomalies(engine) == {"rtp.contributors_limit": 1}


@pytest.mark.parametrize(("profile", "found"), [(0xBEDE, ["0x00000009"]), (0xC0DE, []), (0xC2DE, [])])
def test_sources_that_are_encrypted_are_none(profile: int, found: list[str]) -> None:
    """Header extensions of these two profiles are encrypted together with the CSRCs (RFC 9335 4, 5.1)."""
    wire = Wire()
    invite_ok(wire, A, B, MEDIA_A, MEDIA_B)
    for number in range(20):
        wire.udp(MEDIA_B, MEDIA_A, mixed(number, 9, extension=struct.pack(">HHI", profile, 1, 0x10AA0000)))
    assert csrcs(wire.run()) == [found]


def test_in_srtp_they_are_in_clear() -> None:
    """RFC 3711 3.1: the payload alone is encrypted."""
    wire = Wire()
    invite_ok(wire, A, B, MEDIA_A, MEDIA_B, proto="RTP/SAVP", lines=crypto(key(FIRST)))
    for number in range(20):
        packet = mixed(number, 9)
        wire.udp(MEDIA_B, MEDIA_A, sender(FIRST).rtp(packet[:16], packet[16:], 0))
    (stream,) = rows(wire.run().closer.stream_rows)
    assert (stream["csrc"], stream["decrypted"]) == (["0x00000009"], 20)


# -- in a conference ---------------------------------------------------------------------------------------------------

UE = {name: at(f"10.2.0.{n}", 6_000) for n, name in enumerate(("one", "two", "three"), 1)}
PORT = {name: at("10.0.0.13", 4_000 + 10 * n) for n, name in enumerate(("one", "two", "three"), 1)}
SSRC = {"one": 0x11, "two": 0x22, "three": 0x33}


def above(address: Address) -> Address:
    return Address(address.ip, address.port + 1)


def conference(sources: dict[str, int], ssrcs: dict[str, int], sdp: str = "", **names: str) -> dict[str, Any]:
    """Alice, Bob and Carol talk; Alice hears the others, by `sources`, mixed. `names` are CNAMEs by participant, which
    their RTCP says, and the mixer of its sources."""
    wire = Wire()
    for name, caller in zip(UE, (None, BOB, CAROL), strict=True):
        lines = sdp if name == "two" else ""
        offer, answer = audio(UE[name], lines=lines), audio(PORT[name])
        _dial_in(wire, name, **({"caller": caller} if caller else {}), offer=offer, body=answer)
    for number in range(20):
        for name, ssrc in ssrcs.items():
            wire.udp(UE[name], PORT[name], mixed(number, ssrc=ssrc))
        wire.udp(PORT["one"], UE["one"], mixed(number, *sources.values()))
    for name, cname in names.items():
        wire.udp(above(UE[name]), above(PORT[name]), described((ssrcs[name], cname), sender=ssrcs[name]))
    wire.udp(above(PORT["one"]), above(UE["one"]), described((OWN, "mix"), *((sources[n], names[n]) for n in names)))
    (row,) = _rows(_run(wire))
    streams = {str(each) for mix in row["mixes"] for part in mix["contributors"] for each in part["streams"]}
    assert len(streams) == sum(len(part["streams"]) for mix in row["mixes"] for part in mix["contributors"])
    (mix,) = row["mixes"]
    assert mix["call"] == row["legs"][0]
    calls = dict(zip(row["legs"], UE, strict=True))
    return {part["ssrc"]: (calls.get(part["call"]), part["by"], len(part["streams"])) for part in mix["contributors"]}


def test_a_source_is_the_participant_whose_stream_has_its_ssrc() -> None:
    """RFC 3550 7.1: a mixer lists the SSRCs of the sources as CSRCs."""
    heard = conference({"two": 0x22, "three": 0x33, "nobody": 0x99}, SSRC)
    assert heard == {"0x00000022": ("two", "ssrc", 1), "0x00000033": ("three", "ssrc", 1),
                     "0x00000099": (None, "nothing", 0)}  # fmt: skip


def test_one_ssrc_of_two_participants_is_neither() -> None:
    assert conference({"two": 0x22}, {**SSRC, "three": 0x22}) == {"0x00000022": (None, "nothing", 0)}


def test_a_source_behind_a_translator_is_known_by_its_cname() -> None:
    """An edge that gives streams other SSRCs keeps their CNAMEs (RFC 3550 6.5.1, 7.2)."""
    heard = conference({"two": 0xB2, "three": 0xB3}, SSRC, two="bob@host", three="carol@host")
    assert heard == {"0x000000b2": ("two", "cname", 1), "0x000000b3": ("three", "cname", 1)}


def test_one_cname_of_two_participants_is_neither() -> None:
    heard = conference({"two": 0xB2, "three": 0xB3}, SSRC, two="same", three="same")
    assert set(heard.values()) == {(None, "nothing", 0)}


def test_a_source_may_be_described_alone() -> None:
    """RFC 5576 4.1: a=ssrc of who sends it, though no packet of it was captured; and by the CNAME there (6.1)."""
    quiet = {"one": 0x11, "three": 0x33}
    assert conference({"two": 0x77}, quiet, "a=ssrc:119 cname:bob\r\n") == {"0x00000077": ("two", "described", 0)}
