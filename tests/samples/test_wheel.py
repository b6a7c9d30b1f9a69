"""The wheel carries what the command needs: rules, schemas and the demo's sample."""

import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

BUNDLED = {
    "rules/rule.schema.json",
    "topology.schema.json",
    "keys.schema.json",
    "samples/e2ae-all.pcapng",
    "samples/lab.topology.yaml",
}
RUN = "from analyzer.cli.main import run; run()"


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="hatchling is not installed")
def test_the_wheel_lists_rules_and_runs_the_demo(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    subprocess.run([*build, str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "installed")
    packs = {f"rules/{path.name}" for path in (ROOT / "rules").glob("*.yaml")}
    assert {f"analyzer/_bundled/{name}" for name in BUNDLED | packs} <= names
    assert not [name for name in names if name.startswith(("tests/", "samples/", "docs/"))]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    for command, expected in ((["rules", "list"], "SIG-18"), (["demo"], "Hops of call-1")):
        done = subprocess.run(
            [sys.executable, "-c", RUN, *command], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout
