"""The account of keys: who opened what, and no secret in any text of it."""

from analyzer.core.secrets import Secret
from analyzer.session.key_entries import AkaKey, EspKey, SrtpMaster
from analyzer.session.keyring import Keyring

RANDOM = bytes(range(32))
LOG = b"CLIENT_RANDOM " + RANDOM.hex().encode() + b" " + b"ab" * 48 + b"\n"


def esp(name: str = "ue1") -> EspKey:
    return EspKey(name, 0x1001, None, None, "null", "hmac-sha-1-96", Secret(b""), Secret(b"k" * 20))


def test_a_looked_up_secret_is_matched_and_its_records_are_counted() -> None:
    ring = Keyring()
    assert ring.add_key_log(LOG, "edge.log") == []
    (source,) = ring.sources
    assert (source.kind, source.name, source.secrets, source.matched, source.opened) == (
        "tls-keylog", "edge.log", 1, 0, 0,
    )  # fmt: skip
    assert ring.log_secret("CLIENT_RANDOM", b"other") is None
    assert ring.log_secret("CLIENT_RANDOM", RANDOM) == Secret(b"\xab" * 48)
    assert ring.log_secret("CLIENT_RANDOM", RANDOM) is not None
    ring.opened_records(RANDOM)
    ring.opened_records(RANDOM, 2)
    ring.opened_records(b"unknown")
    assert (source.matched, source.opened) == (1, 3)


def test_a_log_that_grows_is_one_source() -> None:
    ring = Keyring()
    ring.add_key_log(b"", "edge.log")
    before = ring.version
    assert ring.add_key_log(LOG, "edge.log", ring.sources[0]) == []
    assert len(ring.sources) == 1 and ring.version > before
    assert ring.log_secret("CLIENT_RANDOM", RANDOM) is not None


def test_single_keys_have_ids_that_differ_and_an_account_each() -> None:
    ring = Keyring()
    for entry in (esp(), esp(), AkaKey("a", "ue1@ims.example", Secret(b"c" * 16), Secret(b"i" * 16))):
        ring.add_entry(entry, f"keys.yaml: {entry.id}")
    ring.add_entry(SrtpMaster("m", None, "AEAD_AES_128_GCM", Secret(b"m" * 28), b"", None), "keys.yaml: m")
    assert [key.id for key in ring.esp] == ["ue1", "ue1#2"]
    ring.opened(ring.esp[1], 7)
    ring.unopened(ring.aka[0], "no Security-Server")
    ring.unopened(ring.aka[0], "another reason")
    assert [(s.kind, s.opened, s.problem) for s in ring.sources] == [
        ("esp-sa", 0, ""), ("esp-sa", 7, ""), ("ims-aka", 0, "no Security-Server"), ("srtp-master", 0, ""),
    ]  # fmt: skip


def test_no_key_shows_in_a_text() -> None:
    ring = Keyring()
    ring.add_key_log(LOG, "edge.log")
    ring.add_entry(SrtpMaster("m", None, "AEAD_AES_128_GCM", Secret(b"m" * 28), b"", None), "keys.yaml: m")
    shown = repr(ring.srtp) + repr(ring.sources) + repr(ring._log)
    assert "mmmm" not in shown and "abab" not in shown and "6d6d" not in shown
