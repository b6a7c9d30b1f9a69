"""SIP (RFC 3261), read as a passive third party: permissive reading, strict reporting, all bytes kept."""
