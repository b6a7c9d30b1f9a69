"""The first access link as a GTP-U tunnel (TS 29.281): the kernel's gtp device at both ends of the link.

`python -m imslab.gtp DEVICE IN_TEID OUT_TEID PHONE PEER` adds a tunnel to a device, inside a node: Debian has no tool
that does.
"""

import socket
import struct
import sys

from imslab.network import Network
from imslab.plan import Plan

OUTER = {"ue": "192.168.1.2", "p": "192.168.1.1"}
_TEIDS = {"ue": (0x200, 0x100), "p": (0x100, 0x200)}  # received, sent
_MTU = "1400"
_GENERIC, _CONTROL, _GET_FAMILY, _FAMILY_ID, _FAMILY_NAME = 16, 16, 3, 1, 2
_REQUEST_ACK = 5
_NEW_TUNNEL, _LINK, _VERSION, _PEER, _PHONE, _IN, _OUT = 0, 1, 2, 4, 5, 8, 9  # linux/gtp.h


def lay(network: Network, plan: Plan, python: str) -> None:
    """Moves the first access into a tunnel: the link gets outer addresses, the phone and its P-CSCF live behind."""
    phone, proxy = plan.phone(1), plan.access(1)
    for kind, device in (("ue", "eth0"), ("p", "acc1")):
        node = f"{kind}1"
        network.ip(node, "addr", "flush", "dev", device)
        network.ip(node, "addr", "add", f"{OUTER[kind]}/24", "dev", device)
        network.ip(node, "link", "add", "gtp0", "type", "gtp", "role", "sgsn" if kind == "ue" else "ggsn")
        network.ip(node, "link", "set", "gtp0", "up", "mtu", _MTU)
        own, other = (phone, proxy) if kind == "ue" else (proxy, phone)
        network.ip(node, "addr", "add", f"{own}/32", "dev", "gtp0" if kind == "ue" else "lo")
        network.ip(node, "route", "add", f"{other}/32", "dev", "gtp0", "src", own)
        received, sent = (hex(teid) for teid in _TEIDS[kind])
        peer = OUTER["p" if kind == "ue" else "ue"]
        network.call(node, [python, "-m", "imslab.gtp", "gtp0", received, sent, phone, peer])
    network.ip("ue1", "route", "add", "default", "dev", "gtp0")


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def _message(family: int, command: int, version: int, attributes: bytes) -> bytes:
    body = struct.pack("BBH", command, version, 0) + attributes
    return struct.pack("IHHII", 16 + len(body), family, _REQUEST_ACK, 1, 0) + body


def _family(sock: socket.socket) -> int:
    sock.send(_message(_CONTROL, _GET_FAMILY, 1, _attribute(_FAMILY_NAME, b"gtp\0")))
    reply, at = sock.recv(65535), 20
    while at + 4 <= len(reply):
        size, kind = struct.unpack_from("HH", reply, at)
        if kind == _FAMILY_ID:
            return int(struct.unpack_from("H", reply, at + 4)[0])
        at += (size + 3) & ~3
    raise OSError("the kernel has no gtp")


def main(device: str, received: str, sent: str, phone: str, peer: str) -> int:
    """Adds a tunnel of GTP version 1; gives the kernel's error, 0 for none."""
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _GENERIC)
    sock.bind((0, 0))
    number = struct.Struct("I")
    attributes = b"".join((
        _attribute(_LINK, number.pack(socket.if_nametoindex(device))), _attribute(_VERSION, number.pack(1)),
        _attribute(_PEER, socket.inet_aton(peer)), _attribute(_PHONE, socket.inet_aton(phone)),
        _attribute(_IN, number.pack(int(received, 0))), _attribute(_OUT, number.pack(int(sent, 0))),
    ))  # fmt: skip
    sock.send(_message(_family(sock), _NEW_TUNNEL, 0, attributes))
    return -int(struct.unpack_from("i", sock.recv(65535), 16)[0])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
