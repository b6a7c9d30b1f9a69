"""Floors and sessions of the lab's conference, and the rules that judge them.

Frames are those that tshark lists for each primitive of the core hop: FloorRequest 94 and 303, FloorRequestStatus 95,
304, 473, 475 and 884, FloorRelease 472 and 883. The server of the lab has one floor and one holder at a time.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.pipeline.engine import Engine
from tests.conftest import SAMPLES
from tests.golden.runs import run, setup, tree
from tests.pipeline.test_messaging import tshark
from tests.pipeline.wire import run_capture

KEYS = (SAMPLES / "e2ae-all.tls-keylog.txt",)


def report(capture: Path, *keys: Path) -> dict[str, Any]:
    return tree(run(capture, setup(keys, SAMPLES / "lab.topology.yaml")))


def test_one_floor_passes_from_one_user_to_the_other() -> None:
    found = report(SAMPLES / "e2ae-all.pcapng", *KEYS)
    for call in found["calls"]:
        (floor,) = call["floors"]
        assert (floor["conference"], floor["floor"], floor["labels"], floor["holders"]) == (4711, 1, ["10"], [])
        assert len(floor["hops"]) == 2  # on the access, opened, and in the core
        steps = {
            request["user"]: [(step["status"], step["by"], step["cite"]["frame"]) for step in request["steps"]]
            for request in floor["requests"]
        }
        assert steps == {
            1: [("Requested", 1, 94), ("Granted", None, 95), ("Released", 1, 473)],
            2: [("Requested", 2, 303), ("Pending", None, 304), ("Granted", None, 475), ("Released", 2, 884)],
        }


def test_the_floors_of_the_calls_are_those_of_their_conference() -> None:
    """Two calls, each seen on its access and in the core, go to one floor control server: its floor stands once."""
    found = report(SAMPLES / "e2ae-all.pcapng", *KEYS)
    (conference,) = found["conferences"]
    (floor,) = conference["floor_control"]
    assert conference["floors"] == [f"{floor['conference']}/{floor['floor']}"] == ["4711/1"]
    assert sorted(floor["hops"]) == sorted(hop for call in found["calls"] for hop in call["floors"][0]["hops"])
    assert {key: floor[key] for key in ("labels", "holders", "requests", "chair")} == {
        key: found["calls"][-1]["floors"][0][key] for key in ("labels", "holders", "requests", "chair")
    }


def test_sessions_stand_on_the_hops_that_negotiated_them() -> None:
    """The gateway keeps a=path on both sides (CEMA): by path on the access, by session ids in the core."""
    found = report(SAMPLES / "e2ae-all.pcapng", *KEYS)
    hops = {hop["id"]: (hop["medium"], hop["from_zone"], hop["state"]) for hop in found["hops"]}
    for call in found["calls"]:
        assert [(*hops[s["hop"]], s["bound"], s["ids_match"]) for s in call["msrp"]] == [
            ("message", "access", "tls_fp_ok", "path", True),
            ("message", "core", "clear", "session_id", True),
        ]
        assert [(*hops[s["hop"]], s["bound"], s["mismatches"]) for s in call["bfcp"]] == [
            ("bfcp", "access", "tls_fp_ok", "identifiers", []),
            ("bfcp", "core", "clear_tcp", "identifiers", []),
        ]
        one, two = call["msrp"]
        assert (one["messages"], one["bytes"]) == (two["messages"], two["bytes"])  # the gateway changes nothing


def test_what_the_rules_say_of_them() -> None:
    """Session ids of ten hexadecimal characters are too short (RFC 4975 14.1); 4711 is no random conference id."""
    found = report(SAMPLES / "e2ae-all.pcapng", *KEYS)
    rules = {row["id"]: (row["pass"], row["fail"], row["open"]) for row in found["rules"]}
    assert rules["MSRP-04"] == rules["BFCP-07"] == rules["BFCP-10"] == rules["CONF-15"] == (4, 0, 0)
    assert rules["MSRP-07"] == (0, 4, 0)
    assert rules["MSRP-05"] == rules["BFCP-04"] == rules["BFCP-03"] == (2, 0, 0)
    assert rules["BFCP-08"] == (0, 2, 0)
    assert rules["CONF-15.label"] == (0, 4, 0)  # a=floorid:1 mstrm:10, and no a=label:10


# -- the captures without SIP: floor states from the bytes -----------------------------------------------------------


def told(messages: Iterable[bytes]) -> dict[int, list[tuple[str, int | None]]]:
    """Of each floor request what FloorRequestStatus told, by RFC 8855 5.2.15 and 5.2.18: FLOOR-REQUEST-INFORMATION with
    its id, in it OVERALL-REQUEST-STATUS, in that REQUEST-STATUS: status and queue position. Repeats are left out."""
    words = {1: "Pending", 2: "Accepted", 3: "Granted", 4: "Denied", 5: "Cancelled", 6: "Released", 7: "Revoked"}
    found: dict[int, list[tuple[str, int | None]]] = {}
    for data in messages:
        if data[1] != 4:
            continue
        assert (data[12] >> 1, data[16] >> 1, data[20] >> 1) == (15, 18, 5)
        steps = found.setdefault(int.from_bytes(data[14:16], "big"), [])
        step = words[data[22]], data[23] or None
        if step not in steps[-1:]:
            steps.append(step)
    return found


@pytest.mark.tshark
@pytest.mark.parametrize("name", ["bfcp-tcp", "bfcp-tls", "bfcp-udp"])
def test_floor_states_are_those_of_the_bytes(shared: Path, name: str) -> None:
    """tshark takes them out of TCP, TLS (with the keys) and UDP; each packet of UDP once, however often it was seen."""
    capture, keys = shared / "lab" / f"{name}.pcapng", shared / "lab" / f"{name}.tls-keylog.txt"
    if name == "bfcp-tls":
        rows = tshark(capture, "-o", f"tls.keylog_file:{keys}", "-Y", "tls && data", fields=("data.data",))
        expected = told(bytes.fromhex(row[0]) for row in rows)
    elif name == "bfcp-tcp":
        rows = tshark(capture, "-Y", "bfcp", fields=("tcp.payload",))
        expected = told(bytes.fromhex(row[0]) for row in rows)
    else:
        rows = tshark(capture, "-Y", "udp", fields=("ip.src", "ip.dst", "ip.id", "udp.payload"))
        expected = told(bytes.fromhex(row[3]) for row in dict.fromkeys(map(tuple, rows)))
    engine = run_capture(capture) if name != "bfcp-tls" else opened(capture, keys)
    (control,) = engine.messaging.floors.all()
    found = {
        number: [(step.status, step.queue_position or None) for step in request.steps if step.status != "Requested"]
        for number, request in control.requests.items()
    }
    assert found == expected
    assert len(expected) == 2
    assert control.holders(1) == ()


def opened(capture: Path, keys: Path) -> Engine:
    outcome = analyze(Settings(captures=(str(capture),), keys=(keys,)), Silent())
    assert outcome.engine is not None
    return outcome.engine
