"""Media streams: per SSRC what was seen, where, and whether it is RTP or SRTP."""
