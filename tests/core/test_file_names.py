"""Names that somebody on the wire chose, as names of files."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.file_names import MAX_BYTES, safe_file_name

# naming-files of Windows: reserved with any ending, in any case, also with superscript digits
DEVICES = ("CON", "prn", "Aux", "NUL", "COM1", "com9", "LPT1", "COM¹", "lpt²")


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        ("a b.jpg", "a b.jpg"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..\\..\\boot.ini", "_.._boot.ini"),
        ("/etc/cron.d/x", "_etc_cron.d_x"),
        ("C:\\x.exe", "C__x.exe"),
        ("file.txt:stream", "file.txt_stream"),  # an alternate stream of NTFS
        (".bashrc", "bashrc"),
        ("...", "file"),
        ("", "file"),
        ("-rf", "rf"),
        ("trailing. . ", "trailing"),
        ("a\r\nb\0c\x1b[2J.txt", "a__b_c__2J.txt"),
        ("exe\u202egpj.scr", "exe_gpj.scr"),  # RIGHT-TO-LEFT OVERRIDE shows another ending
        ("a\uff0fb", "a_b"),  # FULLWIDTH SOLIDUS: NFKC makes a separator of it
        ("\udcff\udcfe.bin", "file.bin"),  # bytes that are no UTF-8
        ("Ünïcode 写真.jpeg", "Ünïcode 写真.jpeg"),
        ("x" * 500 + ".jpg", "x" * (MAX_BYTES - 4) + ".jpg"),
    ],
)
def test_hostile_names(wire: str, expected: str) -> None:
    assert safe_file_name(wire) == expected


@pytest.mark.parametrize("device", DEVICES)
def test_device_names(device: str) -> None:
    for name in (device, f"{device}.txt", f"{device}.tar.gz", f" {device} .txt", f"{device}:"):
        assert safe_file_name(name).startswith("_")


@given(st.text(st.characters(), max_size=300) | st.text("./\\.:~ \0-con", max_size=40))
def test_any_name(wire: str) -> None:
    name = safe_file_name(wire)
    assert name == safe_file_name(name)
    assert 0 < len(name.encode()) <= MAX_BYTES + 1
    assert not set(name) & set("/\\:*?\"<>|\0~$`&;'")
    assert name[0] not in ".- "
    assert name[-1] not in ". "
    assert all(unicodedata.category(c)[0] not in "CZ" or c == " " for c in name)
