"""WebSocket (RFC 6455) with permessage-deflate (RFC 7692), read from either direction of a connection."""
