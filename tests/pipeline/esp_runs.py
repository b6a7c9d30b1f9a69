"""Runs of the engine over ESP, and what they showed: shared by the tests of the pipeline and of the associations."""

from collections import Counter

from analyzer.core.secrets import Secret
from analyzer.pipeline.closing import ClosedCall
from analyzer.pipeline.engine import Engine
from analyzer.pipeline.esp_rows import esp_rows
from analyzer.pipeline.rows import Places
from analyzer.report.traffic import EspSa
from analyzer.session.carrier import integrity
from analyzer.session.key_entries import AkaKey, EspKey
from analyzer.session.keyring import Keyring
from tests.crypto.esp_writer import Writer
from tests.pipeline.registration import CK, IK, IMPI, PROXY, UE, sip, udp
from tests.pipeline.wire import Wire, at


def aka(impi: str = IMPI, ck: bytes = CK, ik: bytes = IK) -> Keyring:
    """A ring with one AKA run and nothing else."""
    ring = Keyring()
    ring.add_entry(AkaKey("ue1-aka", impi, Secret(ck), Secret(ik)), "keys.yaml: ue1-aka")
    return ring


def rows(engine: Engine) -> dict[str, EspSa]:
    """The report's rows, by SPI; keys as their entries are called."""
    names = {key.id: key.id for key in engine.setup.keyring.aka} | {key.id: key.id for key in engine.setup.keyring.esp}
    return {row.spi: row for row in esp_rows(engine.esp, Places(engine.sources), names)}


def finished(wire: Wire, ring: Keyring, **more: object) -> tuple[Engine, Counter[tuple[str, str, object]]]:
    """The engine at the end, and how many messages had which state, evidence and integrity of their hop."""
    engine = wire.run(finish=False, keyring=ring, **more)  # type: ignore[arg-type]  # keywords of Setup
    seen: Counter[tuple[str, str, object]] = Counter()

    def watch(closed: ClosedCall) -> None:
        for leg in closed.call.legs.values():
            for message in leg.messages:
                carrier = message.carrier
                seen[carrier.state, carrier.evidence, integrity(carrier.state, (carrier,))] += 1

    engine.closer.watch = watch
    engine.finish()
    return engine, seen


def esp_sa(spi: int, cipher: str = "aes-cbc", auth: str = "hmac-sha-1-96") -> tuple[Writer, Keyring]:
    """A writer, and a ring with its key."""
    ring = Keyring()
    key, auth_key = (b"", bytes(20)) if cipher == "null" else (bytes(range(16)), bytes(20))
    entry = EspKey(
        "sa", spi, None, None, cipher, auth, Secret(key), Secret(auth_key if auth.startswith("hmac") else b"")
    )
    ring.add_entry(entry, "keys.yaml: sa")
    return Writer(spi, cipher, key, auth, auth_key), ring


UE_END, PROXY_END = at(UE, 5060), at(PROXY, 5060)


def datagram(number: int) -> bytes:
    """SIP in UDP, another one for each number."""
    return udp(UE_END, PROXY_END, (UE, PROXY), sip("OPTIONS", 10 + number))
