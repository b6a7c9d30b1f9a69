"""Numbers from the wire, read without exceptions."""


def decimal(data: bytes | str, digits: int = 10) -> int | None:
    """An unsigned ASCII decimal of at most `digits` digits, or None. No sign, blank or underscore is accepted."""
    if not 0 < len(data) <= digits or not data.isdigit():
        return None
    if isinstance(data, str) and not data.isascii():
        return None
    return int(data)


def hexadecimal(data: bytes | str, digits: int = 16) -> int | None:
    """An unsigned ASCII hexadecimal of at most `digits` digits without prefix, or None."""
    if not 0 < len(data) <= digits:
        return None
    raw = data.encode("ascii", "replace") if isinstance(data, str) else data
    if raw.translate(None, b"0123456789abcdefABCDEF"):
        return None
    return int(raw, 16)
