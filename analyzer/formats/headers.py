"""Splitting of header values: commas, parameters and quoted strings (RFC 3261 25.1)."""


def split(value: str, separator: str = ",", keep_empty: bool = False) -> tuple[str, ...]:
    """The parts of a value between separators that are outside quoted strings and angle brackets, stripped.

    Empty parts are left out unless `keep_empty`.
    """
    if separator not in value:
        return (value.strip(),) if keep_empty or value.strip() else ()
    if '"' not in value and "<" not in value:
        return tuple(part for part in map(str.strip, value.split(separator)) if part or keep_empty)
    parts: list[str] = []
    start, quoted, angle, escaped = 0, False, False, False
    for index, char in enumerate(value):
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = char == "\\", char != '"'
        elif char == '"':
            quoted = True
        elif char in "<>":
            angle = char == "<"
        elif char == separator and not angle:
            parts.append(value[start:index].strip())
            start = index + 1
    parts.append(value[start:].strip())
    return tuple(part for part in parts if part or keep_empty)


def unquote(value: str) -> str:
    """A quoted string without its quotes and escapes; any other text as it is."""
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    out: list[str] = []
    escaped = False
    for char in value[1:-1]:
        if char == "\\" and not escaped:
            escaped = True
            continue
        out.append(char)
        escaped = False
    return "".join(out)


def balanced(value: str) -> bool:
    """Whether every quoted string of the value is closed."""
    if '"' not in value:
        return True
    if "\\" not in value:
        return value.count('"') % 2 == 0
    quoted = escaped = False
    for char in value:
        if escaped:
            escaped = False
        elif char == "\\" and quoted:
            escaped = True
        elif char == '"':
            quoted = not quoted
    return not quoted


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """What stands before the first semicolon, and the parameters behind it by lower-case name; the first one wins."""
    if ";" not in value:
        return value.strip(), {}
    parts = split(value, ";")
    if not parts or value.lstrip().startswith(";"):
        parts = ("", *parts)
    found: dict[str, str] = {}
    for part in parts[1:]:
        name, _, text = part.partition("=")
        found.setdefault(name.strip().lower(), unquote(text.strip()))
    return parts[0], found
