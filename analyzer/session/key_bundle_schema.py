"""The JSON Schema of the key bundle, for editors. `key_bundle.load` is the judge; this says the same of its shape."""

from typing import Any

from analyzer.session.key_bundle import FIELDS, OPENED_SUITES, TAGS
from analyzer.session.key_values import ESP_AUTHS, ESP_CIPHERS

_ENV = {
    "type": "object",
    "properties": {"env": {"type": "string", "description": "name of an environment variable"}},
    "required": ["env"],
    "additionalProperties": False,
}
_FROM = {
    "type": "object",
    "properties": {
        "file": {"type": "string", "description": "path, relative to the bundle's folder"},
        "env": {"type": "string", "description": "name of an environment variable"},
    },
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
}


def _key(what: str) -> dict[str, Any]:
    return {"description": f"{what}, hexadecimal or base64", "anyOf": [{"type": "string"}, _ENV]}


def _number(what: str) -> dict[str, Any]:
    return {"description": f'{what}, as in "0x00001001"', "type": ["string", "integer", "null"]}


_SHAPES: dict[str, dict[str, Any]] = {
    "from": _FROM | {"description": "where the content is"},
    "value": {"description": "the content itself", "anyOf": [{"type": "string"}, _ENV]},
    "suite": {"type": "string", "examples": list(OPENED_SUITES), "description": "as a=crypto names it"},
    "ssrc": _number("the stream; left out: any"),
    "mki": {"type": ["string", "null"], "pattern": "^(0x)?([0-9a-fA-F]{2}){1,128}$", "description": "hexadecimal"},
    "tag_bytes": {
        "enum": [*sorted({size for sizes in TAGS.values() for size in sizes}), None],
        "description": "bytes of the RTP tag, where they are not the suite's own",
    },
    "spi": _number("the security parameters index"),
    "src": {"type": ["string", "null"], "description": "an IP address; left out: any"},
    "dst": {"type": ["string", "null"], "description": "an IP address; left out: any"},
    "cipher": {"enum": [*ESP_CIPHERS, None]},
    "auth": {"enum": [*ESP_AUTHS, None]},
    "cipher_key": _key("the key, with the salt of a counter mode at its end"),
    "auth_key": _key("the key"),
    "impi": {"type": "string", "description": "the private identity, as in Authorization"},
    "ck": _key("CK of the AKA run, 16 bytes"),
    "ik": _key("IK of the AKA run, 16 bytes"),
}


def key_bundle_schema() -> dict[str, Any]:
    """The schema (draft 2020-12), from the same words that the loader accepts."""
    kinds = []
    for kind, fields in FIELDS.items():
        names = [field.rstrip("*") for field in fields]
        shape: dict[str, Any] = {
            "type": "object",
            "properties": {
                "id": {"type": "string", "description": "the name that the report has for it"},
                "kind": {"const": kind},
                **{name: _SHAPES[name] for name in names},
            },
            "required": ["id", "kind", *(field[:-1] for field in fields if field.endswith("*"))],
            "additionalProperties": False,
        }
        if "value" in names:
            shape["oneOf"] = [{"required": ["from"]}, {"required": ["value"]}]
        kinds.append(shape)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mediasec key bundle",
        "type": "object",
        "properties": {
            "format": {"const": 1},
            "keys": {"type": "array", "minItems": 1, "items": {"oneOf": kinds}},
        },
        "required": ["format", "keys"],
        "additionalProperties": False,
    }
