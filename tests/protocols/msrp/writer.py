"""MSRP messages as bytes, for tests."""

from analyzer.protocols.msrp.message import ByteRange, MsrpMessage


def chunk(
    tid: str = "a786hjs2", method: str = "SEND", body: bytes | None = b"Hey Bob", flag: str = "$",
    message_id: str = "87652491", reach: str = "", sender: str = "msrp://alice.example.com:7777/iau39soe2843z;tcp",
) -> bytes:  # fmt: skip
    """A request, as RFC 4975 5.1 shows them."""
    size = len(body or b"")
    lines = [
        f"MSRP {tid} {method}", "To-Path: msrp://biloxi.example.com:12763/kjhd37s2s20w2a;tcp", f"From-Path: {sender}",
        f"Message-ID: {message_id}", f"Byte-Range: {reach or f'1-{size}/{size}'}",
    ]  # fmt: skip
    if body is not None:
        lines.append("Content-Type: text/plain")
    head = "\r\n".join(lines).encode() + b"\r\n"
    return head + (b"" if body is None else b"\r\n" + body + b"\r\n") + f"-------{tid}{flag}\r\n".encode()


def response(tid: str = "a786hjs2", status: str = "200 OK") -> bytes:
    """A response."""
    head = f"MSRP {tid} {status}\r\nTo-Path: msrp://a.example/1;tcp\r\nFrom-Path: msrp://b.example/2;tcp\r\n"
    return f"{head}-------{tid}$\r\n".encode()


def _range(reach: ByteRange) -> str:
    start, end, total = reach
    return f"{start}-{'*' if end is None else end}/{'*' if total is None else total}"


def write(message: MsrpMessage) -> bytes:
    """The bytes of a message, from its fields alone."""
    first = message.method or f"{message.status:03d}" + (f" {message.comment}" if message.comment else "")
    lines = [
        f"MSRP {message.transaction_id} {first}", "To-Path: " + " ".join(message.to_path),
        "From-Path: " + " ".join(message.from_path),
    ]  # fmt: skip
    lines += [f"Message-ID: {message.message_id}"] if message.message_id else []
    lines += [f"Byte-Range: {_range(message.byte_range)}"] if message.byte_range else []
    lines += [f"Success-Report: {message.success_report}"] if message.success_report else []
    lines += [f"Failure-Report: {message.failure_report}"] if message.failure_report else []
    lines += [f"Status: {message.report_status}"] if message.report_status else []
    lines += [f"Use-Path: {' '.join(message.use_path)}"] if message.use_path else []
    lines += [f"Expires: {message.expires}"] if message.expires is not None else []
    known = {line.partition(":")[0] for line in lines} | {"Content-Type"}
    lines += [f"{name}: {value}" for name, value in message.headers if name not in known]
    lines += [f"Content-Type: {message.content_type}"] if message.content_type else []
    head = "".join(line + "\r\n" for line in lines).encode()
    body = b"\r\n" + message.body + b"\r\n" if message.content_type else b""
    return head + body + f"-------{message.transaction_id}{message.continuation}\r\n".encode()
