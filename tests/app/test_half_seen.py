"""Connections of which one vantage point saw all and another the end alone: what is open at one is not closed."""

from pathlib import Path

import pytest

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from tests.pipeline.dtls_recorded import load as load_dtls
from tests.pipeline.wire import Wire, at
from tests.session.tls_recorded import load as load_tls


def talk() -> tuple[Wire, int, bytes]:
    """TLS, then DTLS; the frames of the first, and the key log of both."""
    wire, tls = Wire(), load_tls()["updated"]
    (dtls,) = [case for case in load_dtls() if case.name == "1.2-gcm"]
    client, server = at("192.0.2.1", 40_000), at("192.0.2.2", 5061)
    wire.connect(client, server)
    for side, data in tls.wire:
        wire.tcp(*(client, server) if side == "client" else (server, client), data)
    middle = len(wire.frames)
    for from_client, data in dtls.datagrams:
        ends = at("192.0.2.1", 4000), at("192.0.2.2", 5000)
        wire.udp(*ends if from_client else reversed(ends), data)
    return wire, middle, tls.key_log + dtls.key_log


@pytest.mark.parametrize("snap", [100, 160])
def test_what_the_snap_length_cut_is_not_said_to_be_missing(snap: int, tmp_path: Path) -> None:
    wire, _, log = talk()
    wire.snap = snap
    (tmp_path / "cut.pcap").write_bytes(wire.pcap())
    (tmp_path / "keys.log").write_bytes(log)
    report = analyze(Settings((str(tmp_path / "cut.pcap"),), (tmp_path / "keys.log",)), Silent()).report
    assert report is not None
    words = "the snap length cut its packets: a capture with a longer one would do"
    assert [(row.decrypted, row.failure) for row in report.tls] == [(False, words)] * 2


@pytest.mark.parametrize("whole_first", [True, False])
def test_what_is_open_at_one_vantage_point_has_no_reason_to_be_closed(whole_first: bool, tmp_path: Path) -> None:
    wire, middle, log = talk()
    end = Wire([(ts_ns + 1_000, frame) for ts_ns, frame in wire.frames[9:middle] + wire.frames[middle + 13 :]])
    (tmp_path / "whole.pcap").write_bytes(wire.pcap())
    (tmp_path / "end.pcap").write_bytes(end.pcap())
    (tmp_path / "keys.log").write_bytes(log)
    names = ["whole.pcap", "end.pcap"] if whole_first else ["end.pcap", "whole.pcap"]
    settings = Settings(tuple(str(tmp_path / name) for name in names), (tmp_path / "keys.log",))
    report = analyze(settings, Silent()).report
    assert report is not None
    assert [(row.decrypted, row.failure) for row in report.tls] == [(True, None)] * 2
