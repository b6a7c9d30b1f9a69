"""UDPTL, the transport of T.38 fax (ITU-T T.38 9.1): sequence numbers, fax packets, error recovery."""
