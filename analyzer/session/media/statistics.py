"""What a sample of payloads says of their content: the evidence for RTP or SRTP that needs no key."""

import numpy as np

from analyzer.core.frozen import frozen
from analyzer.crypto.srtp.packets import RTP_FIXED, header_length

SAMPLE = 12  # payloads kept of a stream while it is open
_ENOUGH = 1_500  # bytes that make the test of uniformity meaningful
_FEW = 80  # bytes from which structure shows that no uniform bytes have by chance (once in 10**9 samples)


@frozen
class PayloadStatistics:
    """Byte statistics of the sampled payloads of the stream's main payload type.

    `chi2` is Pearson's statistic against uniform bytes (255 degrees of freedom: ciphertext gives 255 +- 23).
    """

    payload_type: int = -1
    payloads: int = 0
    sampled_bytes: int = 0
    chi2: float = 0.0
    zrtp: bool = False

    @property
    def conclusive(self) -> bool:
        """Enough bytes were sampled."""
        return self.sampled_bytes >= _ENOUGH

    @property
    def structured(self) -> bool:
        """The bytes are far from uniform (more than ten standard deviations): no cipher made them."""
        return self.sampled_bytes >= _FEW and self.chi2 > 485

    @property
    def uniform(self) -> bool:
        """The bytes look uniform: ciphertext, or well-compressed speech."""
        return self.conclusive and self.chi2 < 350


def summarise(sample: list[bytes], main_type: int) -> PayloadStatistics:
    """Statistics of the payloads of one type in a sample of RTP packets."""
    chosen = [
        packet[header_length(packet, len(packet)) if packet[0] & 0x1F else RTP_FIXED :]  # CSRCs, an extension
        for packet in sample
        if packet[1] & 127 == main_type
    ]
    data = b"".join(chosen)
    if not data:
        return PayloadStatistics(main_type)
    counts = np.bincount(np.frombuffer(data, np.uint8))
    chi2 = int(counts @ counts) * 256 / len(data) - len(data)
    return PayloadStatistics(main_type, len(chosen), len(data), round(chi2, 1))
