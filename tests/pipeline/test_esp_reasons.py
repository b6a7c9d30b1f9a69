"""Why ESP stays closed, each reason made on purpose by the tests' own writer: of the association and of the key.

RFC 4303 3.4.4.1: integrity and encryption may have keys of their own, so that a check value that is right says nothing
of the cipher's key; 2.4: padding counts up from one.
"""

import pytest

from analyzer.core.secrets import Secret
from analyzer.session.key_entries import EspKey
from analyzer.session.keyring import Keyring
from tests.crypto.esp_writer import Writer
from tests.pipeline.esp_runs import PROXY_END, UE_END, datagram, rows
from tests.pipeline.wire import Wire

SPI = 0x1001
KEY, AUTH, WRONG = bytes(range(16)), bytes(20), b"\x55" * 20
COUNT = 12
CBC, SHA1, ANY = "aes-cbc", "hmac-sha-1-96", "any-96"


def entry(
    name: str = "sa", key: bytes = KEY, auth_key: bytes = AUTH, cipher: str = CBC, auth: str = SHA1, spi: int = SPI,
    ends: tuple[int | None, int | None] = (None, None),
) -> EspKey:  # fmt: skip
    return EspKey(name, spi, *ends, cipher, auth, Secret(key), Secret(auth_key))


def run(*keys: EspKey, snap: int = 0, by: Writer | None = None) -> tuple[str | None, int, list[str]]:
    """What the report says of the association, its packets opened, and what it says of the keys."""
    wire, ring = Wire(), Keyring()
    writer = by or Writer(SPI, CBC, KEY, SHA1, AUTH)
    for number in range(COUNT):
        wire.esp(UE_END, PROXY_END, writer.packet(datagram(number), 17))
    wire.snap = snap or wire.snap
    for key in keys:
        ring.add_entry(key, key.id)
    found = rows(wire.run(keyring=ring))
    assert list(found) == [f"0x{SPI:08x}"], "nothing comes out of what was not deciphered"
    (row,) = found.values()
    return row.failure, row.decrypted, [source.problem for source in ring.sources]


def test_the_right_key() -> None:
    assert run(entry()) == (None, COUNT, [""])


SENSELESS = "the check value is right with {}, and what comes out makes no sense: another cipher or "


OTHERS = [
    entry(key=WRONG[:16]),
    entry(cipher="aes-ctr", key=WRONG),
    entry(cipher="des-ede3-cbc", key=bytes(range(24))),
]


@pytest.mark.parametrize("key", OTHERS, ids=lambda key: key.cipher)
def test_the_right_check_value_and_another_cipher_key(key: EspKey) -> None:
    why = SENSELESS.format("it") + "cipher key"
    assert run(key) == (SENSELESS.format("a key given") + "its key", 0, [why])


def test_a_key_that_deciphers_beside_one_that_does_not() -> None:
    failure, opened, (why, none) = run(entry("wrong", key=WRONG[:16]), entry("right"))
    assert (failure, opened, none) == (None, COUNT, "")
    assert why == SENSELESS.format("it") + "cipher key"


@pytest.mark.parametrize("cipher", ["aes-ctr", CBC])
@pytest.mark.parametrize("next_header", [17, 89, 59])
def test_any_protocol_is_taken_from_its_own_key(cipher: str, next_header: int) -> None:
    """OSPF (89) and dummies (59, RFC 4303 2.6) show nothing that is known here: the padding does."""
    key = KEY + (b"salt" if cipher == "aes-ctr" else b"")
    by, wire, ring = Writer(SPI, cipher, key, SHA1, AUTH), Wire(), Keyring()
    ring.add_entry(entry(cipher=cipher, key=key), "sa")
    for number in range(COUNT):
        payload = datagram(number) if next_header == 17 else bytes(40 + number)
        wire.esp(UE_END, PROXY_END, by.packet(payload, next_header))
    (row,) = rows(wire.run(keyring=ring)).values()
    assert row.decrypted > COUNT // 2 and row.authenticated == row.decrypted


def test_a_wrong_check_value() -> None:
    failure, opened, (why,) = run(entry(auth_key=WRONG))
    assert (failure, opened) == (
        "the check value is wrong with the key that may be its: a key of another association, or other algorithms", 0,
    )  # fmt: skip
    assert why.startswith("the check value of the packets it may be for is wrong with it")


def test_a_key_that_checks_nothing_claims_nothing_of_check_values() -> None:
    failure, opened, (why,) = run(entry(key=WRONG[:16], auth=ANY, auth_key=b""))
    words = "its packets make no sense when opened with the key that may be its: another key, or other algorithms"
    assert (failure, opened, why) == (words, 0, "the packets it may be for make no sense when opened with it")


def test_packets_that_were_cut() -> None:
    why = "packets that it may be for were cut off by the snap length"
    assert run(entry(), snap=100) == (f"{COUNT} packets cut off by the snap length", 0, [why])


def test_a_key_for_another_spi_is_not_for_the_other_direction() -> None:
    """Only where it names the addresses."""
    failure, *_ = run(entry(spi=0x1002))
    assert failure is not None and failure.endswith("an esp-sa key would open it")
    failure, *_ = run(entry(spi=0x1002, ends=(PROXY_END.ip, UE_END.ip)))
    assert failure is not None and failure.endswith("there is a key for the other direction")
