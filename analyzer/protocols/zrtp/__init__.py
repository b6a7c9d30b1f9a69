"""ZRTP (RFC 6189), recognised only: its keys are agreed in the media path and never shown."""
