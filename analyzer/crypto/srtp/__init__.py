"""SRTP and SRTCP (RFC 3711, 6188, 6904, 7714): a master key and protected packets to plain packets, or to a reason."""
