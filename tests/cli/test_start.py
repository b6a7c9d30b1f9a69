"""What a run does not load: its start is most of the time of a small capture."""

import subprocess
import sys
from pathlib import Path

SMALL = str(Path(__file__).parents[2] / "samples" / "bfcp-udp.pcapng")
RUN = """
import os, sys
from analyzer.cli.main import run
try:
    run()
except SystemExit:
    pass
print(len(os.listdir("/proc/self/task")), *sorted(sys.modules), file=sys.stderr)
"""


def _after(*arguments: str) -> tuple[int, set[str]]:
    """Threads and modules of the process once a command has run."""
    command = [sys.executable, "-c", RUN, *arguments]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()[-1]
    threads, *modules = said.split(" ")
    return int(threads), set(modules)


def test_a_run_without_certificates_signed_identities_and_xml_loads_nothing_that_reads_them() -> None:
    threads, modules = _after("analyze", "-q", "--format", "json", SMALL)
    assert threads == 1  # numpy's linear algebra would start one a core
    assert "analyzer.session.passports" in modules
    rare = {"cryptography.x509", "cryptography.hazmat.primitives.serialization", "joserfc", "defusedxml", "email.utils"}
    assert not {*rare, "pandas", "pyshark", "rich"} & modules


def test_help_loads_no_engine() -> None:
    _, modules = _after("--help")
    assert not {"numpy", "cryptography", "analyzer.pipeline.engine"} & modules
