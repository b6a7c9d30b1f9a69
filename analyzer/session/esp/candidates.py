"""Which keys may open an association: those given for its SPI, and those its registration and an AKA run give."""

from analyzer.core.frozen import frozen
from analyzer.core.secrets import Secret
from analyzer.crypto.esp import Opener, opener
from analyzer.crypto.ims_aka import expand
from analyzer.session.esp.agreements import Agreed, Agreements, CapturedAka
from analyzer.session.key_entries import AkaKey, EspKey
from analyzer.session.keyring import Keyring

_REFUSED = "the check value of the packets it may be for is wrong with it: the key of another association, or algorithm"
_OTHER_CIPHER = "the check value is right with it, and what comes out makes no sense: another cipher or cipher key"
_CUT = "packets that it may be for were cut off by the snap length"
_SENSELESS = "the packets it may be for make no sense when opened with it"
_NOTHING = Secret(b"")


@frozen
class Candidate:
    """A key for an association, with the transform it makes. `agreed` is the agreement it was derived from."""

    entry: EspKey | AkaKey
    opener: Opener
    agreed: Agreed | None = None
    captured: CapturedAka | None = None


class Candidates:
    """Finds keys by source, destination and SPI."""

    def __init__(self, keyring: Keyring, agreements: Agreements, most: int) -> None:
        self._keyring = keyring
        self._agreements = agreements
        self._most = most
        self._indexed = -1
        self._indexed_aka = -1
        self._by_impi: dict[str, list[AkaKey]] = {}
        self._by_spi: dict[int | None, list[EspKey]] = {}

    @property
    def version(self) -> tuple[int, int]:
        """Changes when there may be more to try."""
        return self._keyring.version, self._agreements.version

    def of(self, src: int, dst: int, spi: int) -> tuple[Candidate, ...]:
        """What may open the association, given keys first; at most the bound of keys tried."""
        found = [*self._given(src, dst, spi), *self._derived(dst, spi)]
        return tuple(found[: self._most])

    def _given(self, src: int, dst: int, spi: int) -> list[Candidate]:
        if self._indexed != len(self._keyring.esp):
            self._indexed, self._by_spi = len(self._keyring.esp), {}
            for key in self._keyring.esp:
                self._by_spi.setdefault(key.spi, []).append(key)
        found = []
        for key in (*self._by_spi.get(spi, ()), *self._by_spi.get(None, ())):
            if key.src in (None, src) and key.dst in (None, dst):
                made = opener(key.cipher, key.cipher_key, key.auth, key.auth_key)
                if isinstance(made, str):
                    self._keyring.unopened(key, made)
                else:
                    found.append(Candidate(key, made))
        return found

    def _derived(self, dst: int, spi: int) -> list[Candidate]:
        found = []
        for agreed in self._agreements.of(dst, spi):
            for key, captured in self._runs(agreed):
                expanded = expand(agreed.alg, agreed.ealg, key.ck, key.ik)
                made = expanded if isinstance(expanded, str) else opener(
                    expanded.cipher, expanded.cipher_key, expanded.auth, expanded.auth_key
                )  # fmt: skip
                if isinstance(made, str):
                    if captured is None:
                        self._keyring.unopened(key, made)
                else:
                    found.append(Candidate(key, made, agreed, captured))
        return found

    def _runs(self, agreed: Agreed) -> list[tuple[AkaKey, CapturedAka | None]]:
        """AKA runs that may be this registration's: of its IMPI, or seen in its dialog."""
        if self._indexed_aka != len(self._keyring.aka):
            self._indexed_aka, self._by_impi = len(self._keyring.aka), {}
            for key in self._keyring.aka:
                self._by_impi.setdefault(key.impi, []).append(key)
        own = self._by_impi.get(agreed.impi, []) if agreed.impi else self._keyring.aka[: self._most]
        any_impi = self._by_impi.get("", []) if agreed.impi else []
        seen = self._agreements.captured_in(agreed.call_id)
        return [(key, None) for key in (*own, *any_impi)] + [(run.key, run) for run in seen]

    def agreed(self, dst: int, spi: int) -> tuple[Agreed, ...]:
        """What was agreed for the association, keys or not."""
        return self._agreements.of(dst, spi)

    def use(self, candidate: Candidate) -> None:
        """Says that a key opened a packet."""
        if candidate.captured is not None:
            candidate.captured.opened += 1
        else:
            self._keyring.opened(candidate.entry)

    def refused(self, candidate: Candidate, senseless: bool) -> None:
        """Says that a key did not open a packet that may be its own; `senseless`: though a check value was right."""
        why = _OTHER_CIPHER if senseless else _REFUSED
        if candidate.captured is None:
            self._keyring.unopened(candidate.entry, why if candidate.opener.checked else _SENSELESS)

    def cut(self, src: int, dst: int, spi: int) -> None:
        """Says that a packet was cut off by the snap length, of the keys that it may be for."""
        for candidate in self.of(src, dst, spi):
            if candidate.captured is None:
                self._keyring.unopened(candidate.entry, _CUT)

    def elsewhere(self, src: int, dst: int, spi: int) -> str:
        """What the keys given say of an association that none of them is for."""
        if any(key.spi == spi and (key.src, key.dst) != (None, None) for key in self._keyring.esp):
            return "the key for this SPI names other addresses"
        ends = ((None, src), (None, dst))
        named = [key for key in self._keyring.esp if key.spi is not None and (key.src, key.dst) != (None, None)]
        if any(key.dst in ends[0] and key.src in ends[1] for key in named):
            return "there is a key for the other direction"
        return ""


def unencrypted(agreed: tuple[Agreed, ...]) -> tuple[int, int] | None:
    """The layout (see `structure.LAYOUTS`) of an association agreed to go without encryption, if that is sure."""
    if not agreed or any(one.ealg != "null" for one in agreed):
        return None
    layouts = {(16, 8) if one.alg == "aes-gmac" else (12, 0) for one in agreed}
    return layouts.pop() if len(layouts) == 1 else None
