"""Namespaces and links of one run (plan.py). Nothing leaves them; they go when the run ends, however it ends."""

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from imslab.plan import Plan


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

    def __init__(self, plan: Plan, number: int = 0) -> None:
        self._plan, self._prefix = plan, f"imslab{os.getpid()}n{number}"

    def namespace(self, node: str) -> str:
        """The namespace of a node."""
        return f"{self._prefix}-{node}"

    def command(self, node: str, argv: Sequence[str]) -> list[str]:
        """A command that runs inside a node."""
        return ["ip", "netns", "exec", self.namespace(node), *argv]

    def ip(self, node: str, *words: str) -> None:
        """`ip` inside a node; raises where it fails."""
        argv = ["ip", "-n", self.namespace(node), *words]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(f"{' '.join(argv)}: {done.stderr.strip()}")

    def call(self, node: str, argv: Sequence[str]) -> None:
        """A program inside a node, to its end; raises where it fails."""
        done = subprocess.run(self.command(node, argv), capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(f"{' '.join(argv)} in {node}: {done.returncode} {done.stderr.strip()}")

    def address(self, node: str, device: str, address: str, prefix: int) -> None:
        """Gives a device an address that is good at once."""
        self.ip(node, "addr", "add", f"{address}/{prefix}", "dev", device, *(["nodad"] if ":" in address else []))

    def __enter__(self) -> Self:
        try:
            self._build()
        except BaseException:
            self.remove()
            raise
        return self

    def _build(self) -> None:
        plan = self._plan
        for node in plan.nodes:
            subprocess.run(["ip", "netns", "add", self.namespace(node)], check=True)
            self.ip(node, "link", "set", "lo", "up")
        for number in plan.numbers:
            self._access(number)
        self.ip("core", "link", "add", "br0", "type", "bridge")
        self.ip("core", "link", "set", "br0", "up")
        self.address("core", "br0", plan.core("core"), plan.prefix)
        for node in plan.nodes:
            if node.startswith("ue") or node == "core":
                continue
            self.ip("core", "link", "add", f"c-{node}", "type", "veth", "peer", "name", "core0", "netns",
                    self.namespace(node))  # fmt: skip
            self.ip("core", "link", "set", f"c-{node}", "master", "br0", "up")
            self.ip(node, "link", "set", "core0", "up")
            self.address(node, "core0", plan.core(node), plan.prefix)
        self._routes()
        for node in plan.nodes:
            self._plain_checksums(node)

    def _access(self, number: int) -> None:
        plan, proxy, phone = self._plan, f"p{number}", f"ue{number}"
        self.ip(proxy, "link", "add", f"acc{number}", "type", "veth", "peer", "name", "eth0", "netns",
                self.namespace(phone))  # fmt: skip
        self.ip(proxy, "link", "set", f"acc{number}", "up")
        self.ip(phone, "link", "set", "eth0", "up")
        self.address(proxy, f"acc{number}", plan.access(number), plan.prefix)
        self.address(phone, "eth0", plan.phone(number), plan.prefix)
        self.ip(phone, "route", "add", "default", "via", plan.access(number))

    def _routes(self) -> None:
        """End-to-end media goes through the P boxes by plain routing: no gateway is in its path."""
        plan = self._plan
        forward = "net.ipv6.conf.all.forwarding=1" if plan.ipv6 else "net.ipv4.ip_forward=1"
        for number in plan.numbers:
            proxy = f"p{number}"
            self.call(proxy, ["sysctl", "-qw", forward])
            for node in plan.nodes:
                if not node.startswith("ue") and node != proxy:
                    self.ip(node, "route", "add", plan.access_net(number), "via", plan.core(proxy))

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
        """Takes every namespace down, with what still runs in it; what is not there is no fault."""
        for node in self._plan.nodes:
            inside = ["ip", "netns", "pids", self.namespace(node)]
            for pid in subprocess.run(inside, capture_output=True, text=True, check=False).stdout.split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            subprocess.run(["ip", "netns", "del", self.namespace(node)], capture_output=True, check=False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()
