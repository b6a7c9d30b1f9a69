"""How an entity field is written, so that rules can be typed against it.

A field is `T` (always known), `T | None` (known to be absent) or `T | Unknown` (its evidence may be missing). T is
bool, int, float, str, a Literal of strings, Duration, Cites, another entity dataclass, `tuple[T, ...]` (a CEL list)
or `dict[str, T]` (a CEL map). The field's docstring for rule authors and its name in rules (where Python forbids it)
are metadata, set by `rule_field`.
"""

import dataclasses
from typing import Any, NewType, TypeAlias

from analyzer.core.cites import Cite

Cites: TypeAlias = tuple[Cite, ...]
"""Evidence: usable in a rule's `evidence`, opaque to its conditions."""

Duration = NewType("Duration", int)
"""Nanoseconds; in rules a CEL duration."""

EntityField: TypeAlias = "dataclasses.Field[Any]"


def rule_field(doc: str, name: str | None = None, **options: Any) -> Any:
    """A dataclass field with its meaning for rule authors, and its name in rules where that differs."""
    return dataclasses.field(metadata={"doc": doc, "name": name}, **options)


def field_name(field: EntityField) -> str:
    """What rules call the field."""
    name = field.metadata.get("name")
    return name if isinstance(name, str) else field.name
