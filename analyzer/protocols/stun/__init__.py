"""STUN, ICE connectivity checks and TURN (RFC 8489, RFC 8445, RFC 8656), read from datagrams."""
