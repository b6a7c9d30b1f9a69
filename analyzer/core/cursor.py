"""A read position over bytes that answers None, never raises, when bytes are short."""


class Cursor:
    """Reads big-endian fields from `data`; after a short read `failed` is set and every read answers None."""

    __slots__ = ("data", "end", "failed", "pos")

    def __init__(self, data: bytes, pos: int = 0, end: int | None = None) -> None:
        self.data = data
        self.pos = pos
        self.end = len(data) if end is None else min(end, len(data))
        self.failed = False

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return max(0, self.end - self.pos)

    def take(self, size: int) -> bytes | None:
        """The next `size` bytes."""
        if self.failed or size < 0 or self.pos + size > self.end:
            self.failed = True
            return None
        start = self.pos
        self.pos = start + size
        return self.data[start : self.pos]

    def uint(self, size: int) -> int | None:
        """The next `size` bytes as an unsigned big-endian integer."""
        raw = self.take(size)
        return None if raw is None else int.from_bytes(raw, "big")

    def u8(self) -> int | None:
        """One byte."""
        return self.uint(1)

    def u16(self) -> int | None:
        """Two bytes."""
        return self.uint(2)

    def u24(self) -> int | None:
        """Three bytes."""
        return self.uint(3)

    def u32(self) -> int | None:
        """Four bytes."""
        return self.uint(4)

    def vector(self, size: int) -> bytes | None:
        """Bytes behind a length field of `size` bytes (the vectors of RFC 8446 3.4)."""
        length = self.uint(size)
        return None if length is None else self.take(length)

    def rest(self) -> bytes:
        """Everything not yet read."""
        raw = self.data[self.pos : self.end] if not self.failed else b""
        self.pos = self.end
        return raw
