"""MSRP that means harm: bounded, named, no exception."""

from dataclasses import replace
from functools import partial

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.msrp.assembly import MessageAssembler
from analyzer.protocols.msrp.message import MsrpMessage
from analyzer.protocols.msrp.stream import MsrpStream
from analyzer.transport.cited import Chunk
from tests.linear import assert_linear
from tests.protocols.msrp.writer import chunk


def read(data: bytes) -> list[MsrpMessage]:
    events = MsrpStream(Limits()).receive(Chunk(data, Cite(0, 1, 0, 9, 0)))
    return [event for event in events if isinstance(event, MsrpMessage)]


def test_a_gigabyte_range() -> None:
    """RFC 4975 7.1.1: nothing is reserved for what is only announced."""
    assembler = MessageAssembler(Limits())
    for first in (1, 10**9, 10**14):
        (message,) = read(chunk(body=b"x", reach=f"{first}-{first}/{10**14}", flag="+"))
        assert not assembler.add(message)
        assert assembler.held < 1_000
    ends = assembler.close()
    assert [event.kind.code for event in ends if isinstance(event, Anomaly)] == ["msrp.holes"]


def test_a_flood_of_one_byte_chunks() -> None:
    """A tenth of a million: held within the bound, what exceeds it named, linear."""
    (sample,) = read(chunk(body=b"x", reach="1-1/*", flag="+"))

    def flood(count: int) -> set[str]:
        assembler, codes = MessageAssembler(Limits(stream_held_bytes=65_536)), set()
        for number in range(1, count + 1):
            for event in assembler.add(replace(sample, byte_range=(number, number, None))):
                if isinstance(event, Anomaly):
                    codes.add(event.kind.code)
            assert assembler.held <= 65_536
        return codes

    assert flood(100_000) == {"msrp.assembly_limit"}
    assert_linear(lambda count: partial(flood, count), 50_000)
