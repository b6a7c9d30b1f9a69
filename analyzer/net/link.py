"""Link layers and what may stand between them and IP: VLAN tags, MPLS label stacks, PPPoE sessions."""

import numpy as np

from analyzer.core.limits import Limits
from analyzer.net import layers
from analyzer.net.columns import ANY_IP, I64, Columns, Mask
from analyzer.net.ledger import Ledger
from analyzer.net.tunnels import proves_ip

NULL, ETHERNET, RAW, LOOP, SLL, IPV4, IPV6, SLL2 = 0, 1, 101, 108, 113, 228, 229, 276
OLD_RAW, OPENBSD_RAW = 12, 14  # what systems call RAW, written to files before it had a number of its own
LINK_BYTES = {OLD_RAW: 0, OPENBSD_RAW: 0, NULL: 4, ETHERNET: 14, RAW: 0, LOOP: 4, SLL: 16, IPV4: 0, IPV6: 0, SLL2: 20}
KIND_AT = {ETHERNET: 12, SLL: 14, SLL2: 0}  # where the EtherType lies

_VLAN = (0x8100, 0x88A8, 0x9100)
_MPLS = (0x8847, 0x8848)
_PPPOE = 0x8864
_PPP = {0x0021: 0x0800, 0x0057: 0x86DD, 0x0281: 0x8847}
_SHIMS = (*_VLAN, *_MPLS, _PPPOE)
_ETHERNET_KINDS = (0x0800, 0x86DD, *_SHIMS)
_BRIDGED = 14


def strip_link(c: Columns, link: int, ledger: Ledger) -> bool:
    """Steps over the link layer; `kind` becomes the EtherType, or ANY_IP where the IP version must tell."""
    if link not in LINK_BYTES:
        ledger.drop(c, np.ones(len(c["row"]), np.bool_), f"link_type_{link}" if link >= 0 else "no_packet")
        return False
    size = LINK_BYTES[link]
    ledger.drop(c, c["end"] - c["at"] < max(size, 1), "short")
    at = c["at"]
    c["kind"] = c.be16(at + KIND_AT[link]) if link in KIND_AT else np.full(len(at), ANY_IP, np.int64)
    c["at"] = at + size
    return True


def strip_shims(c: Columns, ledger: Ledger, limits: Limits) -> None:
    """Steps over tags, labels and sessions, however they are stacked, down to the EtherType of what they carry."""
    for _ in range(limits.decode_depth):
        if not np.isin(c["kind"], _SHIMS).any():
            return
        _tags(c, ledger)
        _labels(c, ledger, limits)
        _session(c, ledger)
    ledger.drop_deep(c, np.isin(c["kind"], _SHIMS))


def _tags(c: Columns, ledger: Ledger) -> None:
    """One tag each (IEEE 802.1Q 9.5)."""
    ledger.drop(c, np.isin(c["kind"], _VLAN) & (c["end"] - c["at"] < 4), "short")
    tagged = np.isin(c["kind"], _VLAN)
    if not tagged.any():
        return
    second = c["layers"] & layers.VLAN != 0
    c["kind"] = np.where(tagged, c.be16(c["at"] + 2), c["kind"])
    c["at"] = np.where(tagged, c["at"] + 4, c["at"])
    c["layers"] = c["layers"] | np.where(tagged, np.where(second, layers.QINQ, layers.VLAN), 0)


def _labels(c: Columns, ledger: Ledger, limits: Limits) -> None:
    """The whole stack (RFC 3032 2.1), then IP by its version, or a pseudowire that proves to be Ethernet (RFC 4448)."""
    labelled = np.isin(c["kind"], _MPLS)
    if not labelled.any():
        return
    on, at = labelled.copy(), c["at"]
    for _ in range(limits.decode_depth):
        short = on & (c["end"] - at < 4)
        bottom = c.byte(at + 2) & 1 != 0
        at = np.where(on & ~short, at + 4, at)
        on &= ~short & ~bottom
        if not on.any():
            break
    c["at"] = at
    c["layers"] = c["layers"] | np.where(labelled, layers.MPLS, 0)
    c["on"], c["labelled"] = on.astype(np.int64), labelled.astype(np.int64)
    ledger.drop_deep(c, c["on"] != 0)
    ledger.drop(c, (c["labelled"] != 0) & (c["end"] <= c["at"]), "short")
    labelled, at, version = c["labelled"] != 0, c["at"], c.byte(c["at"]) >> 4
    kind = np.where(version == 4, 0x0800, np.where(version == 6, 0x86DD, 0))
    bare = labelled & ~_proves_packet(c, at, kind)
    for control in (4, 0):
        bridged = bare & _proves_ethernet(c, at + control) & ((control == 0) | (version == 0))
        kind = np.where(bridged, c.be16(at + control + _BRIDGED - 2), kind)
        at = np.where(bridged, at + control + _BRIDGED, at)
        bare &= ~bridged
    c["at"] = at
    c["kind"] = np.where(labelled, kind, c["kind"])
    ledger.drop(c, labelled & (kind == 0), "mpls_payload")


def _proves_packet(c: Columns, at: I64, kind: I64) -> Mask:
    wire_end = c["end"] + c["lost"]
    return proves_ip(c, at, kind, wire_end)


def _proves_ethernet(c: Columns, at: I64) -> Mask:
    kind = c.be16(at + _BRIDGED - 2)
    whole = c["end"] - at >= _BRIDGED + 4
    ip = proves_ip(c, at + _BRIDGED, kind, c["end"] + c["lost"])
    proven: Mask = whole & np.isin(kind, _ETHERNET_KINDS) & (ip | np.isin(kind, _SHIMS))
    return proven


def _session(c: Columns, ledger: Ledger) -> None:
    """One PPPoE session header and PPP protocol (RFC 2516 4 and 6, RFC 1661 2); its length trims link padding."""
    there = c["kind"] == _PPPOE
    if not there.any():
        return
    ledger.drop(c, there & (c["end"] - c["at"] < 8), "short")
    there, at = c["kind"] == _PPPOE, c["at"]
    carried = c.be16(at + 6)
    kind = np.where((c.byte(at) == 0x11) & (c.byte(at + 1) == 0), 0, -1)
    for protocol, ethertype in _PPP.items():
        kind = np.where((kind == 0) & (carried == protocol), ethertype, kind)
    wire_end = c["end"] + c["lost"]
    stop = np.where(there, np.minimum(wire_end, at + 6 + c.be16(at + 4)), wire_end)
    c["end"] = np.minimum(c["end"], stop)
    c["lost"] = stop - c["end"]
    c["kind"] = np.where(there, kind, c["kind"])
    c["at"] = np.where(there, at + 8, at)
    c["layers"] = c["layers"] | np.where(there, layers.PPPOE, 0)
    ledger.drop(c, there & (kind <= 0), "ppp_protocol")
