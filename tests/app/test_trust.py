"""The certificates of --trust: files and folders, and what is no certificate."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from analyzer.app.prepare import load_trust, prepare
from analyzer.app.settings import Settings, Silent, WrongUse
from tests.session.test_passports import OTHER, SIGNER


def test_files_and_folders(tmp_path: Path) -> None:
    pem = tmp_path / "signer.pem"
    pem.write_bytes(SIGNER.certificate.public_bytes(Encoding.PEM))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "other.der").write_bytes(OTHER.certificate.public_bytes(Encoding.DER))
    (folder / "notes.txt").write_text("no certificate, and not read")
    problems: list[str] = []
    trust = load_trust([pem, folder], problems)
    assert not problems
    assert list(trust.signers) == [SIGNER.certificate, OTHER.certificate]


def test_every_problem_is_said(tmp_path: Path) -> None:
    wrong, empty, missing = tmp_path / "wrong.pem", tmp_path / "empty", tmp_path / "missing.pem"
    wrong.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    empty.mkdir()
    with pytest.raises(WrongUse) as caught:
        prepare(Settings(captures=("x",), trust=(wrong, empty, missing)), Silent())
    assert [problem.partition(": ")[0] for problem in caught.value.problems] == [str(wrong), str(empty), str(missing)]
