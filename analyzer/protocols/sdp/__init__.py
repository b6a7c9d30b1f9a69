"""SDP: session descriptions (RFC 8866) with the attributes that say how media is secured."""
