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
        return self._runs(at, 2).view(">u2").astype(np.int64)

    def be32(self, at: I64) -> I64:
        return self._runs(at, 4).view(">u4").astype(np.int64)

    def be64(self, at: I64) -> npt.NDArray[np.uint64]:
        return self._runs(at, 8).view(">u8").astype(np.uint64)

    def _runs(self, at: I64, size: int) -> npt.NDArray[np.void]:
        """One copy of `size` bytes a row: faster than a gather a byte."""
        last = len(self.buffer) - size
        runs: npt.NDArray[np.void] = np.ndarray((last + 1,), f"V{size}", buffer=self.buffer, strides=(1,))
        return runs[np.clip(at, 0, last)]

    def part(self, mask: Mask) -> "Columns":
        """The rows of the mask, apart from these."""
        other = Columns(self.buffer, **self.of)
        other.keep(mask)
        return other
