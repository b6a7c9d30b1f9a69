"""Reading one BFCP message out of its bytes (RFC 8855 5.1, 5.2). Total."""

from analyzer.core.anomalies import Anomaly, AnomalyKind
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.bfcp import anomalies as kinds
from analyzer.protocols.bfcp import names
from analyzer.protocols.bfcp.message import Attribute, BfcpMessage

HEADER, FRAGMENT_HEADER, WORD = 12, 16, 4
TCP_VERSION, UDP_VERSION = 1, 2
_GROUPED = range(names.BENEFICIARY_INFORMATION, names.OVERALL_REQUEST_STATUS + 1)
_SIXTEEN_BITS = range(names.BENEFICIARY_ID, names.REQUEST_STATUS + 1)


class _Reader:
    """Attributes of one message; `notes` are kinds with details, `left` how many more attributes are read."""

    __slots__ = ("data", "depth", "left", "notes")

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data = data
        self.depth = limits.nesting
        self.left = limits.bfcp_attributes
        self.notes: list[tuple[AnomalyKind, str]] = []

    def attributes(self, at: int, end: int, depth: int, cut: bool) -> tuple[Attribute, ...]:
        """The attributes in data[at:end]; `cut` where more bytes should follow, so that the last may be short."""
        data, found = self.data, []
        while at < end:
            length = data[at + 1] if end - at >= 2 else 0
            if length < 2 or at + length > end:
                if not cut:
                    self.notes.append((kinds.ATTRIBUTE_LENGTH, f"{length} of {end - at}"))
                break
            if self.left <= 0:
                self.notes.append((kinds.ATTRIBUTES, ""))
                break
            self.left -= 1
            found.append(self._attribute(data[at] >> 1, bool(data[at] & 1), at, at + length, depth))
            stop = at + length
            at = stop + (-length & 3)
            if at > stop and (at > end or any(data[stop:at])) and not (cut and at > end):
                self.notes.append((kinds.PADDING, ""))
        return tuple(found)

    def _attribute(self, kind: int, mandatory: bool, at: int, end: int, depth: int) -> Attribute:
        data, size = self.data, end - at
        if kind not in _GROUPED:
            if kind in _SIXTEEN_BITS:
                if size != WORD:
                    self.notes.append((kinds.ATTRIBUTE_LENGTH, f"{names.ATTRIBUTES[kind]} of {size}"))
            elif mandatory and kind not in names.ATTRIBUTES:
                self.notes.append((kinds.MANDATORY, f"type {kind}"))
            return Attribute(kind, mandatory, data[at + 2 : end])
        if size < WORD:
            self.notes.append((kinds.ATTRIBUTE_LENGTH, f"{names.ATTRIBUTES[kind]} of {size}"))
        elif depth >= self.depth:
            self.notes.append((kinds.NESTING, names.ATTRIBUTES[kind]))
        else:
            members = self.attributes(at + WORD, end, depth + 1, False)
            return Attribute(kind, mandatory, data[at + 2 : at + WORD], members)
        return Attribute(kind, mandatory, data[at + 2 : end])


def read(
    data: bytes, cites: tuple[Cite, ...], limits: Limits, reliable: bool, note: AnomalyKind | None = None
) -> BfcpMessage:
    """The message in `data`, at least a header long; `note` says why its end is missing."""
    head = int.from_bytes(data[:HEADER], "big")
    first, primitive, length = data[0], data[1], head >> 64 & 0xFFFF
    version, responder, fragmented, reserved = first >> 5, bool(first & 16), bool(first & 8), first & 7
    reader = _Reader(data, limits)
    notes = reader.notes
    if note:
        notes.append((note, ""))
    if version != (TCP_VERSION if reliable else UDP_VERSION):
        notes.append((kinds.VERSION, str(version)))
    if reliable and first & 24:
        notes.append((kinds.FLAGS, ""))
    if reserved:
        notes.append((kinds.RESERVED, ""))
    if primitive not in names.PRIMITIVES:
        notes.append((kinds.PRIMITIVE, str(primitive)))
    fragment: tuple[int, int] | None = None
    payload, attributes = b"", tuple[Attribute, ...]()
    complete = note is None
    if fragmented and not reliable and len(data) >= FRAGMENT_HEADER:
        fragment = (data[12] << 8 | data[13], data[14] << 8 | data[15])
        payload = data[FRAGMENT_HEADER:]
        if fragment[1] * WORD != len(payload) or sum(fragment) > length:
            notes.append((kinds.LENGTH, f"fragment of {fragment[1] * WORD}, {len(payload)} bytes"))
            complete = False
    else:
        if fragmented and not reliable:
            notes.append((kinds.FRAGMENT, "no fragment fields"))
        size = HEADER + WORD * length
        if size != len(data) and note is None:
            notes.append((kinds.LENGTH, f"{size} announced, {len(data)} bytes"))
            complete = size < len(data)
        attributes = reader.attributes(HEADER, min(size, len(data)), 0, size > len(data))
        if complete:
            _require(primitive, attributes, notes)
    found = tuple(Anomaly(kind, cites, detail) for kind, detail in notes) if notes else ()
    return BfcpMessage(
        version, responder, fragment, reserved, primitive, length, head >> 32 & 0xFFFFFFFF, head >> 16 & 0xFFFF,
        head & 0xFFFF, attributes, payload, len(data), cites, complete, found,
    )  # fmt: skip


def _require(primitive: int, attributes: tuple[Attribute, ...], notes: list[tuple[AnomalyKind, str]]) -> None:
    for kind in names.REQUIRED.get(primitive, ()):
        for attribute in attributes:
            if attribute.type == kind:
                break
        else:
            notes.append((kinds.MISSING, names.ATTRIBUTES[kind]))


def parse_datagram(data: bytes, cites: tuple[Cite, ...], limits: Limits) -> BfcpMessage | Anomaly:
    """The message or fragment that a datagram is (6.2): an `Anomaly` alone where there is no header."""
    if len(data) < HEADER:
        return Anomaly(kinds.SHORT, cites, f"{len(data)} bytes")
    if len(data) > limits.message_bytes:
        return Anomaly(kinds.TOO_LONG, cites, f"{len(data)} bytes")
    return read(data, cites, limits, reliable=False)
