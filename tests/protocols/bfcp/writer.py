"""BFCP messages as bytes, written from RFC 8855 5 alone, and well-formed messages to draw."""

import struct

from hypothesis import strategies as st

from analyzer.core.cites import Cite
from analyzer.protocols.bfcp.message import Attribute, BfcpMessage

CITE = Cite(0, 1, 0, 100, 7)


def attribute(each: Attribute) -> bytes:
    """Type and M, length without padding, contents, padding (5.2)."""
    contents = each.value + b"".join(map(attribute, each.members))
    size = 2 + len(contents)
    return bytes((each.type << 1 | each.mandatory, size)) + contents + b"\0" * (-size % 4)


def write(message: BfcpMessage) -> bytes:
    """The bytes of a message (5.1); the length is that of the message, not of a fragment."""
    first = message.version << 5 | message.responder << 4 | (message.fragment is not None) << 3 | message.reserved
    head = struct.pack("!BBHIHH", first, message.primitive, message.length, message.conference_id,
                       message.transaction_id, message.user_id)  # fmt: skip
    if message.fragment:
        return head + struct.pack("!HH", *message.fragment) + message.payload
    return head + b"".join(map(attribute, message.attributes))


def message(
    primitive: int, *attributes: Attribute, version: int = 1, responder: bool = False, transaction: int = 1
) -> BfcpMessage:
    """A well-formed message."""
    words = sum(len(attribute(each)) for each in attributes) // 4
    return BfcpMessage(
        version, responder, None, 0, primitive, words, 0x1267, transaction, 2, attributes, b"", 12 + 4 * words, (CITE,),
        True, (),
    )  # fmt: skip


IDS = st.binary(min_size=2, max_size=2)
SIMPLE = st.one_of(
    st.builds(Attribute, st.integers(1, 5), st.booleans(), IDS),
    st.builds(Attribute, st.integers(7, 13), st.booleans(), st.binary(max_size=20)),
    st.builds(Attribute, st.integers(19, 127), st.just(False), st.binary(max_size=9)),
)
GROUPS = st.recursive(
    SIMPLE,
    lambda inner: st.builds(Attribute, st.integers(14, 18), st.booleans(), IDS, st.lists(inner, max_size=2).map(tuple)),
    max_leaves=3,
)
NEEDED = {
    1: (Attribute(2, True, b"\0\1"),), 2: (Attribute(3, True, b"\0\1"),), 3: (Attribute(3, True, b"\0\1"),),
    4: (Attribute(15, True, b"\0\1"),), 9: (Attribute(15, True, b"\0\1"),),
    12: (Attribute(11, True, b"\1\2"), Attribute(10, True, b"\2")), 13: (Attribute(6, True, b"\4\x80"),),
}  # fmt: skip


@st.composite
def messages(draw: st.DrawFn, version: int = 1) -> BfcpMessage:
    """A well-formed message of any primitive."""
    primitive = draw(st.integers(1, 17))
    attributes = NEEDED.get(primitive, ()) + tuple(draw(st.lists(GROUPS, max_size=4)))
    responder = version == 2 and draw(st.booleans())
    return message(
        primitive, *attributes, version=version, responder=responder, transaction=draw(st.integers(0, 65535))
    )
