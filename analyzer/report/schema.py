"""The JSON Schema of `mediasec-report/1`, generated from the report's types."""

import dataclasses
import json
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from analyzer.report.keys import is_optional, json_name
from analyzer.report.model import Report
from analyzer.report.tree import vocabulary
from analyzer.report.words import SCHEMA_ID

SCHEMA_FILE = Path(__file__).with_name("mediasec-report-1.schema.json")
_SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean"}


def report_schema() -> dict[str, Any]:
    """The schema (JSON Schema 2020-12). Extra keys are refused everywhere but in maps of counts and of `where`."""
    definitions: dict[str, Any] = {}
    body = _object(Report, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA_ID,
        **body,
        "$defs": dict(sorted(definitions.items())),
    }


def schema_text() -> str:
    """The schema as it is committed and shipped."""
    return json.dumps(report_schema(), indent=2, ensure_ascii=False) + "\n"


def _object(cls: type[Any], definitions: dict[str, Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    fields = dataclasses.fields(cls)
    return {
        "description": (cls.__doc__ or "").split("\n")[0],
        "type": "object",
        "additionalProperties": False,
        "required": [json_name(field) for field in fields if not is_optional(field)],
        "properties": {
            json_name(field): {"description": field.metadata["doc"], **_value(hints[field.name], definitions)}
            for field in fields
        },
    }


def _value(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin = get_origin(hint)
    if origin is Literal:
        return {"enum": list(get_args(hint))}
    if origin in (types.UnionType, typing.Union):
        members = [member for member in get_args(hint) if member is not types.NoneType]
        found = _value(members[0], definitions) if len(members) == 1 else {"enum": list(vocabulary(hint))}
        return _nullable(found) if types.NoneType in get_args(hint) else found
    if origin is Sequence:
        return {"type": "array", "items": _value(get_args(hint)[0], definitions)}
    if origin is Mapping:
        key_hint, value_hint = get_args(hint)
        names = {} if key_hint is str else {"propertyNames": _value(key_hint, definitions)}
        return {"type": "object", **names, "additionalProperties": _value(value_hint, definitions)}
    if dataclasses.is_dataclass(hint):
        cls = typing.cast("type[Any]", hint)
        if cls.__name__ not in definitions:
            definitions[cls.__name__] = {}
            definitions[cls.__name__] = _object(cls, definitions)
        return {"$ref": f"#/$defs/{cls.__name__}"}
    return {"type": _SCALARS[hint]}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if "enum" in schema:
        return {"enum": [*schema["enum"], None]}
    if "type" in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}
