"""Frozen values do what a dataclass of the standard library does: its methods say what is expected."""

from dataclasses import dataclass, field

import pytest

from analyzer.core.frozen import frozen


def _classes() -> list[type]:
    """The same class written both ways."""
    made = []
    for decorate in (dataclass(slots=True, unsafe_hash=True), frozen):

        class Value:
            name: str
            size: int = 0
            aside: list[int] = field(default_factory=list, compare=False, repr=False)

        Value.__qualname__ = "Value"
        made.append(decorate(Value))
    return made


@pytest.mark.parametrize(
    ("one", "other"), [(("a",), ("a", 0)), (("a", 1), ("a", 2)), (("a", 1, [1]), ("a", 1, [2])), (("a", 1), ("a", 1.0))]
)
def test_equality_hash_and_text_are_a_dataclass_s(one: tuple[object, ...], other: tuple[object, ...]) -> None:
    standard, ours = _classes()
    for _ in range(2):  # the first call writes the method, the second runs it
        assert (ours(*one) == ours(*other)) is (standard(*one) == standard(*other))
        assert (ours(*one) != ours(*other)) is (standard(*one) != standard(*other))
        assert hash(ours(*one)) == hash(standard(*one))
        assert repr(ours(*one)) == repr(standard(*one))
        assert ours(*one) != standard(*one)
        assert ours(*one) != one


def test_a_class_s_own_text_stays() -> None:
    @frozen
    class Key:
        value: bytes

        def __repr__(self) -> str:
            return "a key"

    assert repr(Key(b"k")) == "a key"
    assert Key(b"k") == Key(b"k")


def test_a_class_made_of_another_compares_its_own_fields_too() -> None:
    @frozen
    class Base:
        one: int

    @frozen
    class Wider(Base):
        two: int

    assert Base(1) == Base(1)
    assert Wider(1, 2) != Wider(1, 3)
    assert Wider(1, 2) == Wider(1, 2)
    assert Base(1) != Wider(1, 2)
    assert hash(Wider(1, 2)) != hash(Wider(1, 3))
