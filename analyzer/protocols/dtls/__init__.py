"""DTLS 1.0 to 1.3 (RFC 6347, RFC 9147): records of a datagram, and handshake messages from their fragments."""
