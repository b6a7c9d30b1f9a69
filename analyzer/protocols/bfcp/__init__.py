"""BFCP (RFC 8855), version 1 on streams and version 2 in datagrams."""
