"""RTP and RTCP (RFC 3550), told from what shares their ports (RFC 7983, RFC 5761)."""
