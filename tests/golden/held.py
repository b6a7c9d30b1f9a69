"""What holds of any bytes that are given as a capture: a valid report, in time, no exception."""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import jsonschema_rs

from analyzer.report.schema import SCHEMA_FILE
from tests.golden.runs import run, setup, tree
from tests.linear import within

HANG_S = 10  # of processor time
MAGIC = tuple(bytes.fromhex(text) for text in ("0a0d0d0a", "a1b2c3d4", "d4c3b2a1", "a1b23c4d", "4d3cb2a1"))


@lru_cache(maxsize=1)
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(tree(SCHEMA_FILE.read_bytes()))


def holds(data: bytes, keys: Iterable[Path] = ()) -> None:
    """Runs the engine over it; raises where it does not hold."""
    report = within(HANG_S, lambda: run(data, setup(keys)))
    if report is None:  # no capture at all
        assert len(data) < 28 or data[:4] not in MAGIC
    else:
        _validator().validate(tree(report))
