"""The examples of docs/keys.md load, its schema accepts them, and the page names every kind, field and word."""

import base64
import re

import jsonschema_rs

from analyzer.formats.esp_sa import EspSaLine, parse
from analyzer.formats.yaml_file import read
from analyzer.session.key_bundle import FIELDS, Outside, load
from analyzer.session.key_values import ESP_AUTHS, ESP_CIPHERS
from analyzer.session.keyring import KINDS, Keyring
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "keys.md").read_text("utf-8")
BUNDLE = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0].encode()
ENV = {"UE1_CK": "00" * 16, "UE1_IK": "11" * 16, "LEG_B": base64.b64encode(bytes(44)).decode()}


def test_the_bundle_loads() -> None:
    ring = Keyring()
    problems = load(BUNDLE, "example", "example", ring, Outside(lambda _: b"", ENV.get))
    assert [str(problem) for problem in problems] == []
    assert (len(ring.esp), len(ring.aka), len(ring.srtp), len(ring.sources)) == (1, 1, 2, 5)


def test_the_shipped_schema_accepts_the_bundle_and_refuses_a_wrong_kind() -> None:
    validator = jsonschema_rs.validator_for((ROOT / "docs" / "keys.schema.json").read_text("utf-8"))
    for text, good in ((BUNDLE, True), (BUNDLE.replace(b"kind: ims-aka", b"kind: ims-akka"), False)):
        root, _ = read(text, "example")
        assert root is not None
        assert validator.is_valid(root.plain()) is good


def test_the_association_loads() -> None:
    (line,) = re.findall(r'^"IPv4".*$', PAGE, re.MULTILINE)
    (found,) = parse(line.encode())
    assert isinstance(found, EspSaLine) and found.spi == 0x1001


def test_every_kind_and_word_is_named() -> None:
    fields = {field.rstrip("*") for names in FIELDS.values() for field in names} - {"from"}
    words = {*fields, *ESP_CIPHERS, *(auth for auth in ESP_AUTHS if auth == "any-96" or not auth.startswith("any"))}
    assert [word for word in sorted(words - {"hmac-sha-256-96"}) if f"`{word}`" not in PAGE] == []
    assert [kind for kind in {*FIELDS, *KINDS.values()} if kind not in PAGE] == []
