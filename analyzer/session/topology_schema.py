"""The JSON Schema of the topology file, for editors. `topology.load` is the judge; this says the same of its shape."""

from typing import Any, get_args

from analyzer.session.topology import POLICIES, ROLES, TapPoint, Trust


def _closed(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _named(shape: dict[str, Any], what: str) -> dict[str, Any]:
    return {"type": "object", "description": what, "additionalProperties": shape}


def _list(shape: dict[str, Any], what: str) -> dict[str, Any]:
    return {"type": "array", "description": what, "items": shape}


def topology_schema() -> dict[str, Any]:
    """The schema (draft 2020-12), from the same words that the loader accepts."""
    text = {"type": "string"}
    zone = _closed(
        {
            "trust": {"enum": list(get_args(Trust)), "description": "peer: another operator"},
            "nets": _list(text, "networks in CIDR notation"),
        },
        "trust",
    )
    address = _closed({"ip": text, "zone": {"type": "string", "description": "a zone of this file"}}, "ip")
    node = _closed(
        {
            "role": {"enum": list(ROLES)},
            "addresses": _list(address, "the element's addresses, each with its zone"),
            "names": _list(text, "host names it answers to"),
            "zone": {"type": "string", "description": "the zone of addresses that name none"},
        },
        "role",
    )
    policy = _closed({name: {"enum": list(words)} for name, words in POLICIES.items()})
    tap = _closed({"point": {"enum": list(get_args(TapPoint))}}, "point")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mediasec topology",
        **_closed(
            {
                "format": {"const": 1},
                "zones": _named(zone, "parts of the network with one level of trust"),
                "nodes": _named(node, "elements by name"),
                "trust_domain": _closed({"zones": _list(text, "where P-Asserted-Identity is believed (RFC 3325)")}),
                "correlation_headers": _list(text, "headers that carry one value through a B2BUA"),
                "taps": _named(tap, "captures by file name"),
                "policy": policy,
            },
            "format",
        ),
    }
