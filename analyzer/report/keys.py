"""How a report field is declared: its key in JSON, its meaning, and what the redactor does with it."""

import dataclasses
from enum import StrEnum
from typing import Any


class Handling(StrEnum):
    """What a string of the field may hold, hence what the redactor does with it."""

    TEXT = "text"  # may quote the wire: identities inside are pseudonymised, secrets removed
    PLAIN = "plain"  # ids, addresses, words of ours: only made safe to show
    IDENTITY = "identity"  # an address of record or user name as a whole
    CALL_ID = "call_id"  # kept, and remembered, so that free text may name it


def entry(doc: str, name: str = "", handling: Handling = Handling.PLAIN, optional: bool = False, **options: Any) -> Any:
    """A field of a report object.

    `name` is its key in JSON where Python forbids that word; `optional` fields are left out of the JSON while they
    hold their default.
    """
    metadata = {"doc": doc, "name": name, "handling": handling, "optional": optional}
    return dataclasses.field(metadata=metadata, **options)


def json_name(field: "dataclasses.Field[Any]") -> str:
    """The field's key in JSON."""
    name = field.metadata.get("name")
    return name if isinstance(name, str) and name else field.name


def handling(field: "dataclasses.Field[Any]") -> Handling:
    """What the redactor does with the field's strings."""
    value = field.metadata.get("handling")
    return value if isinstance(value, Handling) else Handling.PLAIN


def is_optional(field: "dataclasses.Field[Any]") -> bool:
    """Left out of the JSON while it holds its default."""
    return bool(field.metadata.get("optional"))
