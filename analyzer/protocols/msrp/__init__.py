"""MSRP (RFC 4975, RFC 4976, RFC 7701), framed by end-lines as a passive third party reads them."""
