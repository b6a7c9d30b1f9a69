"""Namespaces and links of one run. Nothing leaves them; they go when the run ends, however it ends.

ue1 10.1.0.2 -- acc1 10.1.0.1 p1 10.0.0.11 -+
                                             br0 10.0.0.1 (core: S-CSCF)
ue2 10.2.0.2 -- acc2 10.2.0.1 p2 10.0.0.12 -+
                                mrf 10.0.0.13 (conference server)
"""

import os
import subprocess
from collections.abc import Sequence
from types import TracebackType
from typing import Self

NODES = ("ue1", "ue2", "p1", "p2", "core", "mrf")
CORE_ADDRESS = {"p1": "10.0.0.11", "p2": "10.0.0.12", "mrf": "10.0.0.13"}
TAPS = (("p1", "acc1"), ("core", "br0"), ("p2", "acc2"))
"""Where it is captured: the two access links at the P-CSCF, the bridge of the core."""


def permitted() -> str:
    """Why namespaces cannot be made here; empty if they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    probe = f"imslab{os.getpid()}-probe"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True, check=False)
    if made.returncode:
        return made.stderr.strip() or "ip netns add failed"
    subprocess.run(["ip", "netns", "del", probe], check=False)
    return ""


class Network:
    """The namespaces, from `with` to its end."""

    def __init__(self, number: int = 0) -> None:
        self._prefix = f"imslab{os.getpid()}n{number}"

    def namespace(self, node: str) -> str:
        """The namespace of a node."""
        return f"{self._prefix}-{node}"

    def command(self, node: str, argv: Sequence[str]) -> list[str]:
        """A command that runs inside a node."""
        return ["ip", "netns", "exec", self.namespace(node), *argv]

    def _ip(self, node: str, *words: str) -> None:
        subprocess.run(["ip", "-n", self.namespace(node), *words], check=True, capture_output=True)

    def __enter__(self) -> Self:
        try:
            self._build()
        except BaseException:
            self.remove()
            raise
        return self

    def _build(self) -> None:
        for node in NODES:
            subprocess.run(["ip", "netns", "add", self.namespace(node)], check=True)
            self._ip(node, "link", "set", "lo", "up")
        for number in (1, 2):
            self._access(number)
        self._ip("core", "link", "add", "br0", "type", "bridge")
        self._ip("core", "addr", "add", "10.0.0.1/24", "dev", "br0")
        self._ip("core", "link", "set", "br0", "up")
        for node, address in CORE_ADDRESS.items():
            self._ip("core", "link", "add", f"c-{node}", "type", "veth", "peer", "name", "core0", "netns",
                     self.namespace(node))  # fmt: skip
            self._ip("core", "link", "set", f"c-{node}", "master", "br0", "up")
            self._ip(node, "addr", "add", f"{address}/24", "dev", "core0")
            self._ip(node, "link", "set", "core0", "up")
        self._routes()
        for node in NODES:
            self._plain_checksums(node)

    def _access(self, number: int) -> None:
        proxy, phone = f"p{number}", f"ue{number}"
        self._ip(proxy, "link", "add", f"acc{number}", "type", "veth", "peer", "name", "eth0", "netns",
                 self.namespace(phone))  # fmt: skip
        self._ip(proxy, "addr", "add", f"10.{number}.0.1/24", "dev", f"acc{number}")
        self._ip(phone, "addr", "add", f"10.{number}.0.2/24", "dev", "eth0")
        self._ip(proxy, "link", "set", f"acc{number}", "up")
        self._ip(phone, "link", "set", "eth0", "up")
        self._ip(phone, "route", "add", "default", "via", f"10.{number}.0.1")

    def _routes(self) -> None:
        """End-to-end media goes through the P boxes by plain routing: no gateway is in its path."""
        for number, other in ((1, 2), (2, 1)):
            proxy = f"p{number}"
            argv = self.command(proxy, ["sysctl", "-qw", "net.ipv4.ip_forward=1"])
            subprocess.run(argv, check=True, capture_output=True)
            self._ip(proxy, "route", "add", f"10.{other}.0.0/24", "via", f"10.0.0.1{other}")
            for node in ("core", "mrf"):
                self._ip(node, "route", "add", f"10.{number}.0.0/24", "via", f"10.0.0.1{number}")

    def _plain_checksums(self, node: str) -> None:
        """Offloads off, so that captures carry real checksums and segments."""
        listed = subprocess.run(
            self.command(node, ["ls", "/sys/class/net"]), capture_output=True, text=True, check=True
        )
        for device in listed.stdout.split():
            if device != "lo":
                off = [word for name in ("tx", "gso", "tso", "gro") for word in (name, "off")]
                subprocess.run(self.command(node, ["ethtool", "-K", device, *off]), capture_output=True, check=False)

    def remove(self) -> None:
        """Takes every namespace down; what is not there is no fault."""
        for node in NODES:
            subprocess.run(["ip", "netns", "del", self.namespace(node)], capture_output=True, check=False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()
