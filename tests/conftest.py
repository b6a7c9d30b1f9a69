"""Shared by all tests: where the captures of ../shared are, and what is skipped without them."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.veth import Namespace, namespace

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("MEDIASEC_SHARED", ROOT.parent / "shared"))
SAMPLES = ROOT / "samples"

# Neither measures time. `fast` tries the same examples each time: what fails is the commit, not the day.
settings.register_profile(
    "fast", max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
settings.register_profile("deep", max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("MEDIASEC_HYPOTHESIS", "fast"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `tshark` are skipped, visibly, where the program is missing."""
    if shutil.which("tshark"):
        return
    for item in items:
        if item.get_closest_marker("tshark"):
            item.add_marker(pytest.mark.skip(reason="tshark is not installed"))


_ORACLES = frozenset({"tshark", "editcap", "mergecap", "capinfos"})
_running: list[pytest.Item] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Says to the watch below which test runs."""
    _running[:] = [item]
    return (yield)


def _oracle_is_declared(event: str, args: tuple[object, ...]) -> None:
    """A test that runs tshark without its mark would fail where tshark is not installed: it fails everywhere."""
    if event != "subprocess.Popen" or not _running or _running[0].get_closest_marker("tshark"):
        return
    if Path(str(args[0])).name in _ORACLES:
        raise AssertionError(f"{_running[0].nodeid} runs {args[0]} and is not marked with tshark")


sys.addaudithook(_oracle_is_declared)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared captures."""
    if not (SHARED / "captures").is_dir():
        pytest.skip("../shared/captures is not here")
    return SHARED / "captures"


@pytest.fixture(scope="session")
def veth() -> Iterator[Namespace]:
    """Two connected interfaces in a namespace of their own."""
    with namespace() as made:
        if isinstance(made, str):
            pytest.skip(made)
        yield made
