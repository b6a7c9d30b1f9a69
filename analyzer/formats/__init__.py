"""What protocols share: URIs, MIME, TLS handshake messages, certificates."""
