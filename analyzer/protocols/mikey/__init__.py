"""MIKEY messages of a=key-mgmt (RFC 3830, RFC 4567): named, never opened."""
