"""Every parser is registered, and what its registration names is there."""

import ast
import gc
import importlib
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from tests.conftest import ROOT
from tests.properties.elsewhere import NO_PARSERS
from tests.properties.found import found
from tests.properties.harness import LIMITS, Not, Shown
from tests.properties.registry import ALL, WHOLE, table

LONGEST = 4_096  # characters of a text that a cache may keep
_CACHE = type(lru_cache(lambda: None))


def test_every_parser_is_registered() -> None:
    """A new function or class that takes what comes from outside needs its six properties, or a reason in words."""
    registered, seen = {name for parser in ALL for name in parser.names}, found()
    assert sorted(seen - registered - NO_PARSERS.keys()) == []
    assert sorted(NO_PARSERS.keys() & registered) == []
    assert sorted(NO_PARSERS.keys() - seen) == []


def test_what_is_registered_is_there() -> None:
    for parser in ALL:
        for name in parser.names:
            module, _, attribute = name.rpartition(".")
            assert hasattr(importlib.import_module(module), attribute), name


def test_each_property_has_a_test_or_a_reason() -> None:
    """A test that is named is a function of its file; a reason is a sentence."""
    for name, cells in table():
        for what, cell in cells.items():
            if isinstance(cell, Not):
                assert len(cell.reason.split()) >= 3, (name, what)
            else:
                assert isinstance(cell, Shown)
                file, _, function = cell.test.partition("::")
                assert function in _functions(file), cell.test


@lru_cache
def _functions(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def _texts(value: Any, depth: int = 0) -> Iterator[str | bytes]:
    if isinstance(value, str | bytes):
        yield value
    elif depth < 4 and isinstance(value, dict):
        for key, item in list(value.items()):
            yield from _texts(key, depth + 1)
            yield from _texts(item, depth + 1)
    elif depth < 4 and isinstance(value, tuple | list | set):
        for item in value:
            yield from _texts(item, depth + 1)
    elif depth < 4 and type(value).__module__ == "functools":
        for item in gc.get_referents(value):
            yield from _texts(item, depth + 1)


def _caches() -> Iterator[tuple[str, Any]]:
    """What modules keep: the tables that they fill, and the memories of their functions."""
    for name, module in list(sys.modules.items()):
        if name.startswith("analyzer."):
            for attribute, value in list(vars(module).items()):
                inner = (cell.cell_contents for cell in getattr(value, "__closure__", None) or ())
                for cache in (each for each in (value, *inner) if isinstance(each, _CACHE)):
                    yield f"{name}.{attribute}", [each for each in gc.get_referents(cache) if isinstance(each, dict)]
                if isinstance(value, dict | set) and not attribute.startswith("__"):
                    yield f"{name}.{attribute}", value


def test_no_cache_keeps_a_long_text() -> None:
    """A cache of a thousand answers is bounded only if each is: 64 kB of header a thousand times over are not."""
    for parser in WHOLE:
        for number, unit in enumerate(parser.units[:6]):
            parser.read((parser.valid[0][:40] + unit * (8_000 // len(unit)) + b"%d" % number), LIMITS)
    long = {name for name, kept in _caches() for text in _texts(kept) if len(text) > LONGEST}
    assert long == set()
