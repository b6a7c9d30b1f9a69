"""a=file-selector as RFC 5547 writes it."""

from analyzer.formats.file_selector import FileSelector, parse


def test_the_example_of_the_rfc() -> None:
    """RFC 5547 8.1.1."""
    value = 'name:"My cool picture.jpg" type:image/jpeg size:32349 hash:sha-1:72:24:5F:E8:65:3D:DA:F3:71:36:2F:86'
    assert parse(value) == FileSelector("My cool picture.jpg", "image/jpeg", 32349, "sha-1", "72245fe8653ddaf371362f86")


def test_escapes_and_parameters() -> None:
    """RFC 5547 6: a quotation mark in a name is %22; a type may have parameters."""
    assert parse('name:"a %22b%22.txt" type:text/plain;charset="a b" size:1') == FileSelector(
        'a "b".txt', "text/plain", 1
    )
    assert parse("hash:sha-1:00:11 size:x") == FileSelector("", "", None, "sha-1", "0011")
    assert parse("") == parse("nonsense") == FileSelector()
