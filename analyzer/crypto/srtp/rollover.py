"""The roll-over counter of one stream under one key (RFC 3711 3.3.1 and appendix A)."""

_HALF = 0x8000
_ROC_MASK = 0xFFFFFFFF


class Rollover:
    """`roc` and `s_l`, the highest sequence number opened; `locked` once a packet was opened."""

    __slots__ = ("first_roc", "locked", "roc", "s_l")

    def __init__(self) -> None:
        self.roc = 0
        self.s_l = 0
        self.locked = False
        self.first_roc = 0

    def guess(self, seq: int) -> int:
        """The counter that a packet with sequence number `seq` most likely has (RFC 3711 appendix A).

        Where the text says -1, before the first wrap, this says 0: a stream starts at 0 (RFC 3711 3.3.1), so a jump
        of more than half the range can only be a gap.
        """
        if self.s_l < _HALF:
            return self.roc - 1 if seq - self.s_l > _HALF and self.roc else self.roc
        return (self.roc + 1) & _ROC_MASK if self.s_l - _HALF > seq else self.roc

    def opened(self, roc: int, seq: int, found: bool = False) -> None:
        """Records a packet that verified at `roc`; `found` if by search, which may go back."""
        if not self.locked:
            self.locked, self.first_roc = True, roc
        elif not found and (roc << 16 | seq) <= (self.roc << 16 | self.s_l):
            return
        self.roc, self.s_l = roc, seq

    def candidates(self, seq: int, bound: int) -> list[int]:
        """Counters to search, the likeliest first, at most twice `bound`: near the present one, then from 0."""
        if not self.locked:
            return list(range(bound))
        near = [self.roc + step for step in range(1, bound)]
        return [roc & _ROC_MASK for roc in (*near, max(0, self.guess(seq) - 1), *range(min(bound, self.roc)))]
