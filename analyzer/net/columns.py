"""Rows of a batch part-way through decoding, as parallel arrays, with big-endian reads from the buffer."""

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
ANY_IP = -1  # in `kind`, in place of an EtherType: the IP version tells


class Columns:
    """The rows still being decoded, as parallel arrays; `keep` narrows all of them."""

    def __init__(self, buffer: npt.NDArray[np.uint8], **arrays: I64) -> None:
        self.buffer = buffer
        self.of = arrays

    def __getitem__(self, name: str) -> I64:
        return self.of[name]

    def __setitem__(self, name: str, values: I64) -> None:
        self.of[name] = values

    def keep(self, mask: Mask) -> None:
        if not mask.all():
            self.of = {name: values[mask] for name, values in self.of.items()}

    def byte(self, at: I64) -> I64:
        return self.buffer.take(at, mode="clip").astype(np.int64)

    def be16(self, at: I64) -> I64:
        return self.byte(at) << 8 | self.byte(at + 1)

    def be32(self, at: I64) -> I64:
        return self.be16(at) << 16 | self.be16(at + 2)

    def be64(self, at: I64) -> npt.NDArray[np.uint64]:
        return self.be32(at).astype(np.uint64) << np.uint64(32) | self.be32(at + 4).astype(np.uint64)

    def part(self, mask: Mask) -> "Columns":
        """The rows of the mask, apart from these."""
        other = Columns(self.buffer, **self.of)
        other.keep(mask)
        return other
