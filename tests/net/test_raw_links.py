"""The numbers that bare IP has in files: LINKTYPE_RAW, and the two that DLT_RAW is on systems; tshark as the oracle."""

import subprocess
from pathlib import Path

import pytest

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from tests.pipeline.wire import Wire, at, message


@pytest.mark.tshark
@pytest.mark.parametrize("link", [12, 14, 101])
def test_bare_ip_is_read_by_each_of_its_numbers(link: int, tmp_path: Path) -> None:
    wire = Wire()
    for host in ("10.0.0.1", "2001:db8::1"):
        server = "10.0.0.2" if "." in host else "2001:db8::2"
        wire.udp(at(host, 5060), at(server, 5060), message("OPTIONS", host[:4]))
    path = tmp_path / "raw.pcap"
    path.write_bytes(wire.pcap()[:20] + link.to_bytes(4, "little") + wire.pcap()[24:])
    seen = subprocess.run(["tshark", "-r", str(path), "-Y", "sip"], check=True, capture_output=True, text=True).stdout
    report = analyze(Settings(captures=(str(path),)), Silent()).report
    assert report.sip.messages == len(seen.splitlines()) == 2
    assert (report.captures[0].link_types, report.captures[0].undecoded) == (("raw",), {})
