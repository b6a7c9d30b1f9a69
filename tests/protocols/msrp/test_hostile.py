"""MSRP that means harm: bounded, named, no exception."""

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


def flood(count: int, limits: Limits, messages: int = 1) -> tuple[set[str], int]:
    """Chunks of one byte, of as many messages in turn: what was said, and the most that was held."""
    (sample,) = read(chunk(body=b"x", reach="1-1/*", flag="+"))
    assembler, codes, most = MessageAssembler(limits), set(), 0
    for number in range(1, count + 1):
        object.__setattr__(sample, "byte_range", (number, number, None))  # nothing keeps the chunk itself
        object.__setattr__(sample, "message_id", f"mid{number % messages}")
        for event in assembler.add(sample):
            if isinstance(event, Anomaly):
                codes.add(event.kind.code)
        most = max(most, assembler.held)
    return codes, most


def test_a_million_one_byte_chunks() -> None:
    """Held within the bound; the message is given up where it stands, by name, and its other chunks are dropped."""
    codes, most = flood(1_000_000, Limits())
    assert codes == {"msrp.assembly_limit"}
    assert most <= Limits().stream_held_bytes


def test_one_byte_chunks_of_many_messages() -> None:
    limits = Limits(stream_held_bytes=65_536, msrp_messages=50)
    codes, most = flood(50_000, limits, messages=5_000)
    assert codes == {"msrp.assembly_limit"}
    assert most <= 65_536


def test_a_flood_is_linear() -> None:
    assert_linear(lambda count: partial(flood, count, Limits(stream_held_bytes=65_536)), 50_000)
