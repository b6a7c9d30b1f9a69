"""Whatever a capture holds, wherever it ends or is damaged: a valid report, in time, no exception uncontained."""

import os
import random
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import jsonschema_rs
import pytest

from analyzer.report.schema import SCHEMA_FILE
from tests.conftest import SHARED
from tests.golden.runs import run, setup, tree
from tests.linear import within

HANG_S = 10  # of processor time
CUTS, BUDGET = 50, 300_000  # cuts of one capture: all where it is small, else as many as the budget of bytes allows
DAMAGE = 100_000  # bytes: how many damaged copies of a capture are tried, at most 5
MAGIC = tuple(bytes.fromhex(text) for text in ("0a0d0d0a", "a1b2c3d4", "d4c3b2a1", "a1b23c4d", "4d3cb2a1"))
EXHAUSTIVE = "MEDIASEC_EXHAUSTIVE"
CAPTURES = SHARED / "captures"


@lru_cache(maxsize=1)
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(tree(SCHEMA_FILE.read_bytes()))


def _names(folder: str) -> list[str]:
    paths = (CAPTURES / folder).glob("*") if (CAPTURES / folder).is_dir() else ()
    return sorted(path.name for path in paths if not path.name.endswith((".json", ".txt", ".pem")))


def _holds(data: bytes, keys: Iterable[Path] = ()) -> None:
    report = within(HANG_S, lambda: run(data, setup(keys)))
    if report is None:  # no capture at all
        assert len(data) < 28 or data[:4] not in MAGIC
    else:
        _validator().validate(tree(report))


@pytest.mark.parametrize("name", _names("hostile"))
def test_hostile(shared: Path, name: str) -> None:
    _holds((shared / "hostile" / name).read_bytes())


def _cuts(name: str, size: int, count: int) -> list[int]:
    return sorted(random.Random(name).sample(range(size), min(count, size)))


@pytest.mark.parametrize("name", _names("public"))
def test_truncated(shared: Path, name: str) -> None:
    data = (shared / "public" / name).read_bytes()
    for cut in _cuts(name, len(data), min(CUTS, max(1, BUDGET // len(data)))):
        _holds(data[:cut])


@pytest.mark.parametrize("name", ["e2ae-all", "e2ae-sdes", "gtpu-e2ae"])
def test_truncated_with_keys(shared: Path, name: str) -> None:
    data = (shared / "lab" / f"{name}.pcapng").read_bytes()
    keys = [shared / "lab" / f"{name}.tls-keylog.txt"]
    for cut in _cuts(name, len(data) // 4, 4):  # registrations, handshakes and the first calls are in the first quarter
        _holds(data[:cut], keys)


def _damaged(data: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(chance.choice([1, 5, 20, 200])):
        damaged[chance.randrange(24, len(data))] = chance.choice([0, 10, 13, 32, 127, 128, 255, chance.randrange(256)])
    return bytes(damaged)


@pytest.mark.parametrize("name", _names("public"))
def test_damaged(shared: Path, name: str) -> None:
    data = (shared / "public" / name).read_bytes()
    chance = random.Random(name)
    for _ in range(min(5, DAMAGE // len(data))):
        _holds(_damaged(data, chance))


@pytest.mark.slow
@pytest.mark.skipif(EXHAUSTIVE not in os.environ, reason=f"{EXHAUSTIVE} is not set")
def test_truncated_everywhere(shared: Path) -> None:
    for name in _names("public"):
        data = (shared / "public" / name).read_bytes()
        for cut in _cuts(name, len(data), CUTS):
            _holds(data[:cut])
