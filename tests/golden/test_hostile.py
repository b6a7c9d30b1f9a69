"""Whatever a capture holds, wherever it ends or is damaged: a valid report, in time, no exception uncontained.

Every public capture cut at 50 random offsets: `test_memory`.
"""

import random
from pathlib import Path

import pytest

from tests.conftest import SHARED
from tests.golden.held import holds

DAMAGE = 100_000  # bytes: how many damaged copies of a capture are tried, at most 5
CAPTURES = SHARED / "captures"


def _names(folder: str) -> list[str]:
    paths = (CAPTURES / folder).glob("*") if (CAPTURES / folder).is_dir() else ()
    return sorted(path.name for path in paths if not path.name.endswith((".json", ".txt", ".pem")))


@pytest.mark.parametrize("name", _names("hostile"))
def test_hostile(shared: Path, name: str) -> None:
    holds((shared / "hostile" / name).read_bytes())


def _cuts(name: str, size: int, count: int) -> list[int]:
    return sorted(random.Random(name).sample(range(size), min(count, size)))


@pytest.mark.parametrize("name", ["e2ae-all", "e2ae-sdes", "gtpu-e2ae"])
def test_truncated_with_keys(shared: Path, name: str) -> None:
    data = (shared / "lab" / f"{name}.pcapng").read_bytes()
    keys = [shared / "lab" / f"{name}.tls-keylog.txt"]
    for cut in _cuts(name, len(data) // 4, 4):  # registrations, handshakes and the first calls are in the first quarter
        holds(data[:cut], keys)


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
        holds(_damaged(data, chance))
