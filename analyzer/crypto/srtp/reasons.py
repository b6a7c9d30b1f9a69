"""Why a protected packet was not opened."""

from enum import StrEnum


class Reason(StrEnum):
    """The value that stands in place of a plain packet."""

    NO_KEY = "no_key"
    """No master key was given."""
    TAG_FAILED = "tag_failed"
    """The authentication tag is wrong: another key, another direction, or the packet was changed."""
    MKI_UNKNOWN = "mki_unknown"
    """Every key has a master key identifier, and the packet carries none of them."""
    ROC_NOT_FOUND = "roc_not_found"
    """The stream has not been opened yet, and no key verifies at any roll-over counter within the bound."""
    TOO_SHORT = "too_short"
    """Fewer bytes than a fixed header and the trailer of the suite."""
    UNSUPPORTED_SUITE = "unsupported_suite"
    """The suite is known by name, and not opened here."""
    TRUNCATED = "truncated"
    """The capture, or the packet's own header, ends before the packet does: its tag cannot be checked."""
    INDEX_REUSED = "index_reused"
    """The tag is right, but this packet index was seen with other bytes: a keystream used twice (RFC 3711 9.1)."""
