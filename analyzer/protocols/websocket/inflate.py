"""permessage-deflate (RFC 7692 7.2.2), bounded, and honest about a lost context.

A fresh inflater knows no earlier bytes and refuses a reference to them. So after a loss each message is tried alone:
what comes out is right, and what refers to the lost part is refused.
"""

import zlib

_TAIL = b"\x00\x00\xff\xff"


class Inflater:
    """The compression context of one direction. Output of one message is at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._context = zlib.decompressobj(-15)
        self.takeover = True

    def lose(self) -> None:
        """Forgets the context: bytes of the stream are missing."""
        self._context = zlib.decompressobj(-15)

    def message(self, payload: bytes) -> tuple[bytes, bool] | None:
        """The inflated message and whether it is whole; None if it is no deflate or needs a lost context."""
        try:
            data = self._inflate(payload + _TAIL)
        except zlib.error:
            self.lose()
            return None
        whole = len(data) <= self._limit
        if not whole or not self.takeover:
            self.lose()
        return data[: self._limit], whole

    def _inflate(self, payload: bytes) -> bytes:
        """A final block (RFC 7692 7.2.3.4) ends the zlib stream; one more stream may follow in the message."""
        data = self._context.decompress(payload, self._limit + 1)
        if not self._context.eof or len(data) > self._limit:
            return data
        rest = self._context.unused_data
        self._context = zlib.decompressobj(-15, zdict=data[-32_768:])
        data += self._context.decompress(rest, self._limit + 1 - len(data))
        if self._context.eof:
            raise zlib.error("more than one final block")
        return data
