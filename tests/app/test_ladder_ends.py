"""Media ends in the pictures of a call: one column for a host, whatever its address family and port."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from analyzer.cli.main import app
from analyzer.export.path_view import host_of
from tests.pipeline.test_paths import rtp
from tests.pipeline.wire import Wire, at
from tests.session.dialogs import Leg, sdp, setup

ONE, OTHER = "2001:db8:a::2", "2001:db8:a::1"


@pytest.mark.parametrize(
    ("end", "host"),
    [
        ("10.1.0.2:4000", "10.1.0.2"),
        ("[2001:db8:a::2]:4000", ONE),
        (ONE, ONE),
        ("2001:db8:a::2:4000", "2001:db8:a::2:4000"),  # an address of its own (RFC 5952 6)
        ("edge", "edge"),
    ],
)
def test_the_host_of_an_end(end: str, host: str) -> None:
    assert host_of(end) == host


def test_media_run_between_the_hosts_that_signal(tmp_path: Path) -> None:
    """An address with its port is written with brackets (RFC 3986 3.2.2), and stands in its host's column."""

    def described(host: str, port: int) -> bytes:
        return sdp(host, port).replace(b"IN IP4", b"IN IP6")

    wire = Wire()
    setup(wire, [Leg(ONE, OTHER, "six", offer=described(ONE, 4_000), answer=described(OTHER, 5_000))])
    for number in range(20):
        wire.udp(at(ONE, 4_000), at(OTHER, 5_000), rtp(number))
    capture = tmp_path / "six.pcap"
    capture.write_bytes(wire.pcap())
    drawn = CliRunner().invoke(app, ["show", str(capture), "call-1", "--quiet", "--no-color"], env={"COLUMNS": "120"})
    assert drawn.exit_code == 0
    _, columns, *_ = drawn.stdout.splitlines()
    assert columns.split() == [ONE, OTHER]
    assert f"audio: [{ONE}]:4000 > [{OTHER}]:5000  CLEAR" in drawn.stdout
