"""The types of the expression language, read off the entity dataclasses."""

import dataclasses
import types
import typing
from functools import cache

from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.unknown import Unknown
from analyzer.session.model.base import Duration, field_name


@frozen
class Type:
    """A type: its kind; a list's or map's element; an entity's class; the words a string may be."""

    kind: str
    element: "Type | None" = None
    cls: type | None = None
    words: frozenset[str] | None = None

    def __str__(self) -> str:
        if self.kind in ("list", "map"):
            return f"{self.kind}({self.element or 'any'})"
        return self.cls.__name__ if self.cls else self.kind


BOOL, INT, DOUBLE, STRING = Type("bool"), Type("int"), Type("double"), Type("string")
DURATION, NULL, CITES, ANY = Type("duration"), Type("null"), Type("cites"), Type("any")


@frozen
class FieldInfo:
    """One field as rules see it."""

    name: str
    attribute: str
    type: Type
    doc: str
    may_be_unknown: bool
    may_be_absent: bool


def _type_of(hint: object) -> Type:
    if hint is Duration:
        return DURATION
    simple = {bool: BOOL, int: INT, float: DOUBLE, str: STRING}.get(typing.cast("type", hint))
    if simple is not None:
        return simple
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return Type("string", words=frozenset(args))
    if origin is tuple:
        return CITES if args[0] is Cite else Type("list", _type_of(args[0]))
    if origin is dict:
        return Type("map", _type_of(args[1]))
    if origin in (typing.Union, types.UnionType):
        kinds = [_type_of(arg) for arg in args]
        return Type("string", words=frozenset().union(*(kind.words or () for kind in kinds)))
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return Type("entity", cls=hint)
    raise TypeError(f"{hint!r} is no type of an entity field")


@cache
def fields_of(cls: type) -> dict[str, FieldInfo]:
    """The fields of an entity class by their name in rules."""
    hints = typing.get_type_hints(cls)
    found: dict[str, FieldInfo] = {}
    for field in dataclasses.fields(cls):
        hint = hints[field.name]
        parts = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
        rest = [part for part in parts if part is not Unknown and part is not types.NoneType]
        kind = _type_of(rest[0] if len(rest) == 1 else typing.Union[tuple(rest)])  # noqa: UP007  (built at run time)
        name = field_name(field)
        found[name] = FieldInfo(
            name, field.name, kind, str(field.metadata.get("doc", "")), Unknown in parts, types.NoneType in parts
        )
    return found


def agree(left: Type, right: Type) -> bool:
    """Values of the two types may be compared."""
    if "any" in (left.kind, right.kind):
        return True
    if left.kind != right.kind:
        return False
    if left.element and right.element:
        return agree(left.element, right.element)
    return left.cls is right.cls
