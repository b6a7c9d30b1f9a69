"""The truth of a sample: what the scenario says and what its components wrote down, never what an analyzer found."""

import json
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from imslab.scenario import Scenario


def _told(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.exists() else {}


_SIP = {
    "tls": "tls_enc", "tcp": "clear_tcp", "udp": "clear_udp", "ws": "ws_clear", "wss": "wss",
    "null": "esp_null_auth", "aes": "esp_enc", "tls_null": "tls_null",
}  # fmt: skip
_MEDIA = {
    ("audio", "sdes"): "srtp_sdes", ("audio", "dtls"): "srtp_dtls", ("audio", "rtp"): "clear",
    ("message", "tls"): "tls_fp_ok", ("message", "tcp"): "clear", ("floor", "tls"): "tls_fp_ok",
    ("floor", "tcp"): "clear_tcp", ("floor", "udp"): "clear_udp",
}  # fmt: skip
_CORE = {"audio": "clear", "message": "clear", "floor": "clear_tcp"}
_NAMES = {"audio": "audio", "message": "message", "floor": "bfcp"}


def _hop(start: str, end: str, medium: str, state: str, scope: str = "") -> dict[str, str]:
    stated = {"from": start, "to": end, "medium": medium, "state": state}
    return stated | {"scope": scope} if scope else stated


def _legs(scenario: Scenario) -> "list[tuple[str, str, dict[str, Any]]]":
    """Who calls whom (`mrf`: the conference), with what is asked for; only calls that are taken."""
    legs = []
    nodes = {"conf": "mrf"} | {phone.get("user", name): name for name, phone in scenario.phones.items()}
    for name, phone in scenario.phones.items():
        for call in phone.get("calls", ()):
            if call.get("refused"):
                continue
            legs.append((name, nodes[call["to"]], call))
    for out in (scenario.focus or {}).get("dial", ()):
        legs.append(("mrf", "ue2" if scenario.proxies.retarget else out["to"], {"audio": "rtp", **out}))
    return legs


def hops(scenario: Scenario) -> list[dict[str, str]]:
    """The hops that the declared security makes, each once."""
    found: list[dict[str, str]] = []
    for name, phone in scenario.phones.items():
        proxy = f"pcscf-{name[-1]}"
        carried = scenario.links.esp or ("tls_null" if "sip_ciphers" in phone else phone.get("sip", "tls"))
        found.append(_hop(name, proxy, "sip", _SIP[carried]))
        found.append(_hop(proxy, "scscf", "sip", "clear_udp"))
    for start, end, call in _legs(scenario):
        for kind in ("audio", "message", "floor"):
            asked = call.get(kind, "none")
            if asked != "none":
                found += _media(scenario, start, end, kind, asked, call)
    return [hop for number, hop in enumerate(found) if hop not in found[:number]]


def _media(
    scenario: Scenario, start: str, end: str, kind: str, asked: str, call: dict[str, Any]
) -> list[dict[str, str]]:
    medium, state = _NAMES[kind], _MEDIA[kind, asked]
    if call.get("unencrypted"):
        state = "srtp_unencrypted"
    if call.get("then", {}).get(kind) == "rtp":
        state = "clear"
    if (scenario.focus or {}).get("wrong_fingerprint") and asked == "tls":
        state = "tls_fp_mismatch"
    if (scenario.focus or {}).get("ciphers"):  # every scenario with ciphers of its own has those that hide nothing
        return [_hop(start, end, medium, "tls_null")]
    if call.get("relay"):  # it ends TLS on both sides, and no description has its certificate
        return [
            _hop(start, "relay", medium, "tls_unverified_cert", "hop_by_hop"),
            _hop("relay", end, medium, state, "hop_by_hop"),
        ]
    if scenario.proxies.mode == "e2e":
        return [_hop(start, end, medium, state, "e2e" if state.startswith(("srtp_sdes", "srtp_dtls", "tls")) else "")]
    at = [f"pcscf-{node[-1]}" if node.startswith("ue") else node for node in (start, end)]
    path = []
    if start.startswith("ue"):
        path.append(_hop(start, at[0], medium, state, "e2ae" if asked in ("sdes", "dtls", "tls") else ""))
    path.append(_hop(at[0], at[1], medium, _CORE[kind]))
    if end.startswith("ue"):
        towards = "srtp_dtls" if "SDES-off" in scenario.proxies.access else "srtp_sdes"
        path.append(_hop(at[1], end, medium, towards if kind == "audio" else state, "e2ae"))
    return path


def _seen(scenario: Scenario, hop: dict[str, str]) -> list[str]:
    """The interfaces that a hop's packets pass, of those in the capture: each access link at an end, and the core."""
    taps = [f"{node}:{device}" for node, device in scenario.plan.taps]
    kept = [taps[number] for number in scenario.faults.get("interfaces", range(len(taps)))]
    phones = [name for name in (hop["from"], hop["to"]) if name.startswith("ue")]
    passed = {f"p{name[-1]}:acc{name[-1]}" for name in phones}
    near = {f"pcscf-{name[-1]}" for name in phones}
    if not near & {hop["from"], hop["to"]}:
        passed.add("core:br0")
    return [tap for tap in kept if tap in passed]


def identities(scenario: Scenario, ends: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The identities asserted in the INVITEs of each hop: by a phone as it is told to, by its P-CSCF as that is set up;
    the ends wrote down what reached them."""
    found: dict[tuple[str, str], set[str]] = {}
    proxies = scenario.proxies
    for name, phone in scenario.phones.items():
        proxy, user = f"pcscf-{name[-1]}", phone.get("user", name)
        for call in phone.get("calls", ()):
            lines = [line.partition(":") for line in call.get("headers", ())]
            own = {value.strip() for title, _, value in lines if title == "P-Asserted-Identity"}
            found.setdefault((name, proxy), set()).update(own)
            registered = {f"<sip:{user}@ims.example>"} if proxies.asserts else set()
            found.setdefault((proxy, "scscf"), set()).update(own if proxies.trust_ue else registered)
        for call in ends[name].get("calls", ()):
            if call["to"] == "incoming":
                found.setdefault((proxy, name), set()).add(call["asserted"])
    for invite in ends["mrf"].get("invites", ()):
        found.setdefault(("scscf", "mrf"), set()).add(invite["asserted"])
    return [
        {"from": start, "to": end, "asserted": sorted(uri.strip("<>") for uri in uris if uri)}
        for (start, end), uris in sorted(found.items())
    ]


def of(scenario: Scenario, folder: Path) -> dict[str, Any]:
    """The statements that the analyzer's report must equal."""
    ends = {name: _told(folder / f"{name}.json") for name in (*scenario.phones, "mrf")}
    streams = [
        {"from": stream["local"][0], "to": stream["remote"][0], "packets": stream["sent"], "suite": stream["suite"]}
        for end in ends.values()
        for stream in end.get("streams", ())
    ]
    focus = ends["mrf"]
    participants = [
        {"asserted": invite["asserted"], "privacy": invite["privacy"]} for invite in focus.get("invites", ())
    ]
    return {
        "format": 1,
        "scenario": scenario.name,
        "about": scenario.about,
        "hops": [hop | {"sightings": _seen(scenario, hop)} for hop in scenario.hops or hops(scenario)],
        "streams": streams,
        "participants": participants,
        "identities": identities(scenario, ends),
        "dialled": focus.get("dialled", []),
        "floor": [event["state"] for event in focus.get("floor", ())],
        "queue": [event["queue"] for event in focus.get("floor", ()) if event["queue"]],
        "messages": {name: end["messages"] for name, end in ends.items() if end.get("messages")},
        "rules": scenario.expect,
        "rewritten": scenario.faults,
    }


def write(scenario: Scenario, folder: Path, path: Path) -> None:
    """Writes NAME.truth.yaml."""
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 120
    with path.open("w") as out:
        yaml.dump({name: _flat(rows) for name, rows in of(scenario, folder).items()}, out)


def _flat(rows: Any) -> Any:
    """A list of mappings with each of them in one line."""
    if not isinstance(rows, list):
        return rows
    made = [CommentedMap(row) if isinstance(row, dict) else row for row in rows]
    for row in made:
        if isinstance(row, CommentedMap):
            row.fa.set_flow_style()
    return made
