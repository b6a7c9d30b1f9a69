"""The line of assurance of one medium, from samples of the lab whose truth is known."""

from typing import Any

import pytest

from tests.conftest import SAMPLES
from tests.golden.runs import run, setup, tree


def report(name: str, judge: bool = False) -> dict[str, Any]:
    """The report of a sample."""
    keys = SAMPLES / f"{name}.tls-keylog.txt"
    made = setup([keys] if keys.is_file() else [], SAMPLES / "lab.topology.yaml", judge=judge)
    return tree(run(SAMPLES / f"{name}.pcapng", made))


def lines(name: str, medium: str) -> list[str]:
    """The lines of a medium in a sample, one a call."""
    return [each["assurance"] for call in report(name)["calls"] for each in call["media"] if each["medium"] == medium]


@pytest.mark.parametrize(
    ("name", "medium", "words"),
    [
        # e2e-wrong-fingerprint.yaml: the server describes a fingerprint that is not that of its certificate
        ("e2e-wrong-fingerprint", "message", "Chat is encrypted on hop-6 to a peer whose certificate is not the one"),
        # FACTS.txt: SRTP on both accesses, plain RTP in the core, payloads equal packet for packet
        (
            "e2ae-sdes",
            "audio",
            "and protected up to the access edge on hop-9, hop-11 (proven by equal payloads on both",
        ),
        ("plain-rtp", "audio", "Audio is readable on every hop that is known"),
        # e2e-sdes-clear-sip in FACTS.txt: one SRTP from phone to phone, its keys in SIP over UDP on each of four hops
        ("e2e-sdes-clear-sip", "audio", "Audio is protected from end to end (proven by the keys that open it)"),
        ("e2e-sdes-clear-sip", "audio", "its keys were readable on hop-5, hop-6, hop-7, hop-8: who read them"),
    ],
)
def test_the_line_says_what_is_so(name: str, medium: str, words: str) -> None:
    first, *_ = lines(name, medium)
    assert words in first


def test_keys_in_clear_sip_are_named_with_every_hop_that_showed_them() -> None:
    """e2e-sdes-clear-sip in FACTS.txt: a=crypto over UDP in frames 17, 19, 22, 25 (INVITE) and 34, 35, 37, 39 (200)."""
    found = report("e2e-sdes-clear-sip", judge=True)
    (audio,) = found["calls"][0]["media"]
    hops = {hop["id"]: hop for hop in found["hops"]}
    way = [("ue1", "pcscf-1"), ("pcscf-1", "scscf"), ("scscf", "pcscf-2"), ("pcscf-2", "ue2")]
    shown = [each for each in audio["exposed"] if each["what"] == "key"]
    assert [(hops[each["hop"]]["from"], hops[each["hop"]]["to"]) for each in shown] == way
    opened = {stream["key"] for stream in found["streams"]}  # what authenticated the packets of either direction
    assert len(opened) == 2
    assert [set(each["keys"]) for each in shown] == [opened] * 4
    told = [finding for finding in found["findings"] if finding["rule"] == "SIG-18"]
    said = {f"1 SDES key(s) readable from {a} to {b} (clear_udp)" for a, b in (*way, *(hop[::-1] for hop in way))}
    assert {each["message"] for each in told} == said
    frames = {cite["frame"] for finding in told for cite in finding["evidence"]}
    assert frames == {17, 19, 22, 25, 34, 35, 37, 39} | {21, 24}  # the first fragments of 22 and 25 (tshark)
