"""ESP security associations: which are on the wire, what opens them, what was replayed (RFC 4303, TS 33.203)."""
