"""Thousands of random legal messages, written from the model, read back in any segmentation: parse(write(m)) == m."""

import random
from collections.abc import Iterator
from dataclasses import replace

from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.bfcp.fragments import FragmentAssembler
from analyzer.protocols.bfcp.message import Attribute, BfcpMessage
from analyzer.protocols.bfcp.parser import parse_datagram
from analyzer.protocols.bfcp.stream import BfcpStream
from analyzer.protocols.msrp.message import Flag, MsrpMessage
from analyzer.protocols.msrp.stream import MsrpStream
from analyzer.transport.cited import Chunk
from tests.protocols.bfcp import writer as bfcp_writer
from tests.protocols.msrp import writer as msrp_writer

COUNT = 2_000
CITE = Cite(0, 1, 0, 100, 7)
FLAGS: tuple[Flag, ...] = ("$", "+", "#")
CHARS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-+%="


def segments(data: bytes, draw: random.Random) -> Iterator[Chunk]:
    at = 0
    while at < len(data):
        size = draw.choice((1, 2, 7, 60, 536, 1460, 9_000))
        yield Chunk(data[at : at + size], CITE)
        at += size


def ident(draw: random.Random) -> str:
    """RFC 4975 9: four to 32 characters, the first a letter or digit."""
    return draw.choice(CHARS[:62]) + "".join(draw.choices(CHARS, k=draw.randint(3, 31)))


def uri(draw: random.Random) -> str:
    host = draw.choice(("a.example", "192.0.2.1", "[2001:db8::1]"))
    scheme, transport = draw.choice(("msrp", "msrps")), draw.choice(("tcp", "ws"))
    return f"{scheme}://{host}:{draw.randint(1, 65_535)}/{ident(draw)};{transport}"


def content(draw: random.Random, tid: str) -> bytes:
    """Anything but the message's own end-line (7.1): also those of other messages, and start lines."""
    alike = f"\r\n-------{ident(draw)}$\r\nMSRP {ident(draw)} SEND\r\nTo-Path: x\r\n\r\n-----".encode()
    body = draw.choice((b"", b"\r\n", alike)) + draw.randbytes(draw.choice((0, 1, 40, 2_048)))
    return body.replace(tid.encode(), b"")


def msrp(draw: random.Random) -> MsrpMessage:
    """A request of any method, or a response, by the grammar of RFC 4975 9."""
    tid = ident(draw)
    to, sender = (tuple(uri(draw) for _ in range(draw.randint(1, 3))) for _ in range(2))
    fields = {"To-Path": " ".join(to), "From-Path": " ".join(sender)}
    blank = MsrpMessage(
        tid, None, None, "", to, sender, "", None, "", "", "", "", (), None, (), b"", "$", 0, (), True, ()
    )
    if draw.random() < 0.3:
        status, comment = draw.choice(((200, "OK"), (413, "Stop sending"), (481, ""), (506, "Bound elsewhere")))
        given = tuple(uri(draw) for _ in range(draw.choice((0, 0, 1, 2))))
        expires = draw.randint(0, 86_400) if given else None  # RFC 4976 5.1: of an AUTH that was accepted
        message = replace(blank, status=status, comment=comment, use_path=given, expires=expires)
        fields |= {"Use-Path": " ".join(given), "Expires": "" if expires is None else str(expires)}
    else:
        body = content(draw, tid)
        start, known = draw.randint(1, 10**12), draw.random() < 0.5
        end = start + len(body) - 1 if known else None
        total = (end or start) + draw.randint(0, 99) if draw.random() < 0.5 else None
        reach = f"{start}-{'*' if end is None else end}/{'*' if total is None else total}"
        kind = draw.choice(("text/plain", "message/cpim", "image/jpeg")) if body or draw.random() < 0.5 else ""
        success, failure = draw.choice(("", "yes", "no")), draw.choice(("", "yes", "no", "partial"))
        fields |= {"Message-ID": ident(draw), "Byte-Range": reach}
        method = draw.choice(("SEND", "REPORT", "AUTH", "NICKNAME", "FUTURE"))
        status = draw.choice(("000 200 OK", "000 413")) if method == "REPORT" else ""
        fields |= {"Success-Report": success, "Failure-Report": failure, "Status": status}
        fields |= {f"X-{ident(draw)}": draw.choice(("a: b", "1;x=2")) for _ in range(draw.choice((0, 0, 2)))}
        fields |= {"Content-Type": kind}
        message = replace(
            blank, method=method, body=body, content_type=kind, report_status=status,
            message_id=fields["Message-ID"], byte_range=(start, end, total), success_report=success,
            failure_report=failure, continuation=draw.choice(FLAGS),
        )  # fmt: skip
    message = replace(message, headers=tuple((name, value) for name, value in fields.items() if value))
    return replace(message, size=len(msrp_writer.write(message)))


def attribute(draw: random.Random, depth: int = 0) -> Attribute:
    """An attribute by RFC 8855 5.2; unknown ones without the M bit."""
    kind = draw.choice([n for n in range(1, 40) if n < 14 or n > 18 or depth < 3])
    mandatory = kind <= 18 and draw.random() < 0.5
    if kind <= 5:
        return Attribute(kind, mandatory, draw.randbytes(2))
    if 14 <= kind <= 18:
        members = tuple(attribute(draw, depth + 1) for _ in range(draw.randint(0, 2)))
        found = Attribute(kind, mandatory, draw.randbytes(2), members)
        return found if len(bfcp_writer.attribute(found)) <= 252 else replace(found, members=())
    return Attribute(kind, mandatory, draw.randbytes(draw.randint(1, 20)))


def bfcp(draw: random.Random, version: int = 1) -> BfcpMessage:
    """A message of any primitive; of version 2 also a response."""
    primitive = draw.randint(1, 17)
    parts = (*bfcp_writer.NEEDED.get(primitive, ()), *(attribute(draw) for _ in range(draw.randint(0, 4))))
    number, responder = draw.randint(0, 65_535), version == 2 and draw.random() < 0.5
    written = bfcp_writer.message(primitive, *parts, version=version, responder=responder, transaction=number)
    return replace(written, conference_id=draw.getrandbits(32), user_id=draw.getrandbits(16), cites=())


def test_msrp() -> None:
    draw = random.Random(4975)
    written = [msrp(draw) for _ in range(COUNT)]
    stream, read = MsrpStream(Limits()), []
    for piece in segments(b"".join(map(msrp_writer.write, written)), draw):
        read += stream.receive(piece)
    assert len(read) == COUNT
    for wanted, found in zip(written, read, strict=True):
        assert isinstance(found, MsrpMessage)
        assert replace(found, cites=(), anomalies=()) == wanted


def test_bfcp() -> None:
    draw = random.Random(8855)
    written = [bfcp(draw) for _ in range(COUNT)]
    stream, read = BfcpStream(Limits()), []
    for piece in segments(b"".join(map(bfcp_writer.write, written)), draw):
        read += stream.receive(piece)
    assert len(read) == COUNT
    for wanted, found in zip(written, read, strict=True):
        assert isinstance(found, BfcpMessage)
        assert replace(found, cites=()) == wanted


def test_bfcp_datagrams() -> None:
    """Version 2, one message in a datagram or in fragments that come in any order (RFC 8855 6.2.3)."""
    draw, assembler = random.Random(8856), FragmentAssembler(Limits())
    for number in range(COUNT):
        written, read = bfcp(draw, version=2), []
        payload = bfcp_writer.write(written)[12:]
        words, size = len(payload) // 4, draw.choice((1, 3, 20, 1_000))
        pieces = [written]
        if words > size:
            parts = [(at, payload[4 * at : 4 * (at + size)]) for at in range(0, words, size)]
            pieces = [replace(written, fragment=(at, len(part) // 4), payload=part) for at, part in parts]
            draw.shuffle(pieces)
        for piece in pieces:
            found = parse_datagram(bfcp_writer.write(piece), (CITE,), Limits())
            assert isinstance(found, BfcpMessage)
            read += assembler.add(found, number)
        assert [replace(each, cites=()) for each in read] == [written]
