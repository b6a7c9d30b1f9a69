"""Capture filters: tcpdump compiles the expression, the kernel runs it."""

import ctypes
import socket
import struct
import subprocess

from analyzer.capture.sources import CaptureProblem
from analyzer.core.text import safe

_SO_ATTACH_FILTER = 26
_MAX_INSTRUCTIONS = 4_096  # BPF_MAXINSNS
_SECONDS = 10


def compile_filter(interface: str, expression: str) -> bytes:
    """The filter as the kernel's `struct sock_filter` array. CaptureProblem with tcpdump's reason if it is wrong."""
    try:
        done = subprocess.run(
            ["tcpdump", "-ddd", "-i", interface, "--", expression],
            capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise CaptureProblem(interface, "a capture filter needs the program tcpdump, which is not installed") from None
    except subprocess.TimeoutExpired:
        raise CaptureProblem(interface, "tcpdump did not compile the capture filter in time") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        reason = said[-1].removeprefix("tcpdump: ") if said else "no reason given"
        raise CaptureProblem(interface, f"the capture filter is wrong: {safe(reason)}")
    return _program(interface, done.stdout)


def _program(interface: str, text: str) -> bytes:
    """Reads `tcpdump -ddd`: a count, then code, jump if true, jump if false, operand a line."""
    try:
        count, *lines = text.split("\n")
        instructions = [struct.pack("=HBBI", *map(int, line.split())) for line in lines if line]
        if not 0 < len(instructions) == int(count) <= _MAX_INSTRUCTIONS:
            raise ValueError
    except (ValueError, struct.error):
        raise CaptureProblem(interface, "tcpdump gave no filter program") from None
    return b"".join(instructions)


def attach(sock: socket.socket, program: bytes) -> None:
    """Has the kernel deliver only what the program accepts."""
    held = ctypes.create_string_buffer(program, len(program))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program) // 8, ctypes.addressof(held)))
