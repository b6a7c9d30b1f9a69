"""SCTP as WebRTC data channels use it: user messages inside DTLS, channels named (RFC 8831, RFC 8832)."""
