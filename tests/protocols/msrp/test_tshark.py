"""MSRP in real captures: what tshark says of each message."""

import subprocess
from pathlib import Path

import pytest

from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.msrp.assembly import MessageAssembler
from analyzer.protocols.msrp.message import MsrpMessage
from analyzer.protocols.msrp.stream import MsrpStream
from analyzer.transport.cited import Chunk

FIELDS = ("msrp.transaction.id", "msrp.method", "msrp.status.code", "msrp.messageid", "msrp.byte.range", "msrp.cnt.flg",
          "msrp.to.path", "msrp.content.type")  # fmt: skip


def _tshark(path: Path, *fields: str, only: str) -> list[list[str]]:
    named = [part for name in fields for part in ("-e", name)]
    command = ["tshark", "-n", "-r", str(path), "-d", "tcp.port==2855,msrp", "-Y", only, "-T", "fields",
               "-E", "occurrence=f", *named]  # fmt: skip
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [line.split("\t") for line in out.splitlines()]


def _said(message: MsrpMessage) -> list[str]:
    reach = dict(message.headers).get("Byte-Range", "")
    return [
        message.transaction_id, message.method or "", "" if message.status is None else str(message.status),
        message.message_id, reach, message.continuation or "", " ".join(message.to_path), message.content_type,
    ]  # fmt: skip


@pytest.mark.tshark
@pytest.mark.parametrize("name", ["msrp-agprojects-tcp.pcapng", "e2ae-all.pcapng"])
def test_messages_are_those_of_tshark(shared, name):
    path = shared / "lab" / name
    streams, ours, wholes = {}, {}, []
    for frame, stream, port, payload in _tshark(
        path, "frame.number", "tcp.stream", "tcp.srcport", "tcp.payload",
        only="msrp && !tcp.analysis.retransmission",
    ):  # fmt: skip
        parser, assembler = streams.setdefault((stream, port), (MsrpStream(Limits()), MessageAssembler(Limits())))
        for event in parser.receive(Chunk(bytes.fromhex(payload), Cite(0, int(frame), 0, 0, 0))):
            assert isinstance(event, MsrpMessage)
            assert event.anomalies == ()
            ours[event.cites[-1].frame] = _said(event)
            wholes += assembler.add(event)
    theirs = {int(row[0]): row[1:] for row in _tshark(path, "frame.number", *FIELDS, only="msrp")}
    assert ours
    assert ours == {frame: theirs[frame] for frame in ours}
    assert len(ours) == len(theirs) or name.startswith("msrp-")
    assert wholes
    assert all(event.complete for event in wholes)
