"""Frozen values: what a parser, a record or a finding is made of never changes once it is made."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, dataclass_transform, overload

V = TypeVar("V")


@overload
def frozen(cls: type[V]) -> type[V]: ...


@overload
def frozen(*, order: bool = False) -> Callable[[type[V]], type[V]]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[V] | None = None, *, order: bool = False) -> type[V] | Callable[[type[V]], type[V]]:
    """A slotted dataclass, compared and hashed by its fields, that no code may change.

    It is the type checker that forbids it: every function is annotated and checked. At run time a frozen dataclass
    stores each field by a call, and those calls were 6 % of the CPU time of a whole run.
    """
    if cls is None:
        return dataclass(slots=True, unsafe_hash=True, order=order)
    cls.__doc__ = cls.__doc__ or cls.__name__  # for want of one, a dataclass writes its signature, at some cost
    made = dataclass(slots=True, eq=False, repr=False)(cls)
    for name in ("__eq__", "__hash__", "__repr__"):
        if name not in cls.__dict__:
            _when_called(made, name)
    return made


def _when_called(cls: type, name: str) -> None:
    """Gives a class a method of a dataclass that is written at its first call: writing those of three hundred classes,
    of which a run uses few, took 0.05 s of every start."""

    def first(self: object, *others: object) -> Any:
        fields = [
            (own.name, object, field(repr=own.repr, hash=own.hash, compare=own.compare))
            for own in dataclasses.fields(cls)
        ]
        space = {"__doc__": cls.__doc__}
        twin = dataclasses.make_dataclass(cls.__name__, fields, namespace=space, init=False, unsafe_hash=True)
        written = getattr(twin, name)
        setattr(cls, name, written)
        return written(self, *others)

    first.__name__, first.__qualname__ = name, f"{cls.__qualname__}.{name}"
    setattr(cls, name, first)
