"""What tshark finds on each hop: a run whose capture lacks what the scenario asks for on a hop has failed."""

import re
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

from imslab.plan import Plan

_FIELDS = ("ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "frame.protocols")
_HEURISTICS = ("bfcp_tcp", "bfcp_udp", "rtp_udp")  # off by default
_WORDS = {  # what a hop of this medium must show, by its state; "" stands for any other state
    "sip": {"tls_enc": {"tls"}, "tls_null": {"tls"}, "wss": {"tls"}, "ws_clear": {"websocket", "sip"},
            "clear_udp": {"udp", "sip"}, "clear_tcp": {"tcp", "sip"}, "esp_null_auth": {"esp"}, "esp_enc": {"esp"}},
    "audio": {"clear": {"rtp"}, "srtp_dtls": {"dtls"}, "": {"rtp", "srtp"}},
    "message": {"clear": {"msrp"}, "": {"tls"}},
    # tshark 4.0 reads version 1 of BFCP alone: a scenario over UDP names the first bytes in its `protocols`
    "bfcp": {"clear_tcp": {"tcp", "bfcp"}, "clear_udp": {"udp"}, "": {"tls"}},
}  # fmt: skip


def options(log: Path) -> list[str]:
    """tshark's options for the key log, if there is one, and for what it only looks for when asked."""
    keys = ["-o", f"tls.keylog_file:{log}"] if log.exists() else []
    return [*keys, *(word for name in _HEURISTICS for word in ("--enable-heuristic", name))]


Stacks = dict[frozenset[str], set[str]]  # by the two addresses


def protocols(capture: Path, log: Path) -> Stacks:
    """The stacks of protocols seen between each pair of addresses, the innermost ones of tunnels."""
    fields = [word for name in _FIELDS for word in ("-e", name)]
    argv = ["tshark", "-r", str(capture), *options(log), "-T", "fields", "-E", "occurrence=l", *fields]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    found: Stacks = defaultdict(set)
    for line in done.stdout.splitlines():
        four, to_four, six, to_six, stack = line.split("\t")
        found[frozenset((six or four, to_six or to_four))].add(stack)
    return found


def addresses(plan: Plan, node: str) -> set[str]:
    """The addresses of a node by its name in the truth."""
    kind, number = node.rstrip("0123456789"), int("0" + node[len(node.rstrip("0123456789")) :])
    if kind == "ue":
        return {plan.phone(number)}
    if kind == "pcscf-":
        return {plan.access(number), plan.core(f"p{number}")}
    return {plan.core({"scscf": "core"}.get(node, node))}


def _shown(stacks: set[str], wanted: set[str]) -> bool:
    return any(wanted <= set(stack.split(":")) for stack in stacks)


def absent(seen: Stacks, hops: "list[dict[str, Any]]", plan: Plan) -> list[str]:
    """The hops that lack the packets their medium and state call for, each as a sentence."""
    missing = []
    for hop in hops:
        states = _WORDS[hop["medium"]]
        wanted = states[hop["state"]] if hop["state"] in states else states[""]
        pairs = [frozenset((a, b)) for a in addresses(plan, hop["from"]) for b in addresses(plan, hop["to"])]
        stacks = {stack for pair in pairs for stack in seen.get(pair, ())}
        choices = [{word} for word in sorted(wanted)] if wanted == {"rtp", "srtp"} else [wanted]
        if not any(_shown(stacks, choice) for choice in choices):
            missing.append(f"no {'/'.join(sorted(wanted))} from {hop['from']} to {hop['to']} ({hop['medium']})")
    return missing


def lacking(capture: Path, log: Path, seen: Stacks, wanted: "list[str]") -> list[str]:
    """Which of these are nowhere in the capture: names of protocols, or display filters."""
    stacks = {word for found in seen.values() for stack in found for word in stack.split(":")}
    missing = [name for name in wanted if re.fullmatch(r"\w+", name) and name not in stacks]
    for text in (name for name in wanted if not re.fullmatch(r"\w+", name)):
        argv = ["tshark", "-r", str(capture), *options(log), "-Y", text, "-T", "fields", "-e", "frame.number"]
        if not subprocess.run(argv, capture_output=True, text=True, check=True).stdout:
            missing.append(text)
    return missing
