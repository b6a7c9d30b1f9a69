"""Every key of a run, and which of them opened what."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

from analyzer.core.secrets import Secret
from analyzer.formats.nss_keylog import LogOther, LogProblem, LogSecret, parse
from analyzer.session.key_entries import AkaKey, EspKey, SrtpMaster

_TLS_KEY_LOG = 0x544C534B
_MISSED = 100_000  # lookups in vain that are remembered
_SESSIONS = 4_096  # that may be resumed
_OTHERS = 20  # labels that are remembered
Entry: TypeAlias = EspKey | AkaKey | SrtpMaster
KINDS = {EspKey: "esp-sa", AkaKey: "ims-aka", SrtpMaster: "srtp-master"}


class PrivateKey(Protocol):
    """A server's RSA key, by which a premaster secret is opened."""

    def premaster(self, encrypted: bytes, certificate: bytes | None) -> Secret | None:
        """The premaster of a ClientKeyExchange; None if the certificate has another key, or it does not decrypt."""


@dataclass(slots=True)
class KeySource:
    """A key log or a single key: what the report has one row for.

    `name` is a file or environment name without its folder, with the entry's id or line. `opened` counts packets
    and records; `problem` is why it opened none, as far as a consumer knows.
    """

    kind: str
    name: str
    secrets: int = 0
    matched: int = 0  # connections or flows it belongs to
    opened: int = 0
    problem: str = ""
    media_key: Secret | None = None  # of SRTP: streams name it
    entry_id: str = ""  # of a single key
    others: set[str] = field(default_factory=set)  # labels of a key log that are for other uses


class Keyring:
    """Keys by what they belong to, and the account of their use.

    `esp`, `aka` and `srtp` are the keys supplied one by one, with ids that differ; who uses one says so by `opened`,
    or by `unopened` why it could not. `version` changes whenever keys are added.
    """

    def __init__(self) -> None:
        self.sources: list[KeySource] = []
        self.esp: list[EspKey] = []
        self.aka: list[AkaKey] = []
        self.srtp: list[SrtpMaster] = []
        self.version = 0
        self.late = False  # a secret was added that had been asked for before
        self._missed: set[tuple[str, bytes]] = set()
        self.growing = False  # key logs are read on while the run goes on
        self._sessions: dict[bytes, Secret] = {}  # by hash of session id or ticket
        self._log: dict[tuple[str, bytes], tuple[Secret, KeySource]] = {}
        self._private: list[tuple[PrivateKey, KeySource]] = []
        self._of_connection: dict[bytes, KeySource] = {}  # by client random
        self._premasters: dict[bytes, Secret] = {}  # by client random
        self._of_entry: dict[str, KeySource] = {}

    # -- keys in --------------------------------------------------------------------------------------------------

    def add_key_log(self, data: bytes, name: str, source: KeySource | None = None) -> list[LogProblem]:
        """Adds an NSS key log, or more lines of the one that `source` is; gives the lines that are not understood."""
        if source is None:
            source = KeySource("tls-keylog", name)
            self.sources.append(source)
        return self._add(parse(data), source)

    def add_capture_secret(self, kind: int, data: bytes, name: str) -> None:
        """Adds a decryption secrets block of a pcapng: a TLS key log (pcapng 4.7); lines not understood are ignored."""
        if kind == _TLS_KEY_LOG:
            self.add_key_log(data, name)

    def add_private_key(self, key: PrivateKey, name: str) -> None:
        """Adds the private key of a server."""
        source = KeySource("private-key", name, 1)
        self.sources.append(source)
        self._private.append((key, source))
        self.version += 1

    def add_entry(self, entry: Entry, name: str) -> None:
        """Adds a single key. An id that is taken already gets a number behind it."""
        number, wanted = 1, entry.id
        while entry.id in self._of_entry:
            number += 1
            entry = replace(entry, id=f"{wanted}#{number}")
        if isinstance(entry, EspKey):
            self.esp.append(entry)
        elif isinstance(entry, AkaKey):
            self.aka.append(entry)
        else:
            self.srtp.append(entry)
        source = self._of_entry[entry.id] = KeySource(KINDS[type(entry)], name, 1)
        source.entry_id = entry.id
        source.media_key = entry.material if isinstance(entry, SrtpMaster) else None
        self.sources.append(source)
        self.version += 1

    def _add(self, lines: Iterable[LogSecret | LogOther | LogProblem], source: KeySource) -> list[LogProblem]:
        problems: list[LogProblem] = []
        for line in lines:
            if isinstance(line, LogProblem):
                problems.append(line)
            elif isinstance(line, LogOther):
                source.others.update({line.label} if len(source.others) < _OTHERS else ())
            else:
                source.secrets += 1
                self._log.setdefault((line.label, line.client_random), (line.secret, source))
                self.late = self.late or (line.label, line.client_random) in self._missed
        self.version += 1
        return problems

    # -- their use ------------------------------------------------------------------------------------------------

    def opened(self, entry: Entry, packets: int = 1) -> None:
        """Says that a single key opened packets."""
        self._of_entry[entry.id].opened += packets

    def opened_media(self, material: Secret, packets: int) -> None:
        """Says that an SRTP master key, from wherever it was taken, opened packets: it may be one that was supplied."""
        for source in self._of_entry.values() if packets else ():
            if source.media_key == material:
                source.opened += packets

    def unopened(self, entry: Entry, why: str) -> None:
        """Says why a single key opened nothing; shown while that is so. The first reason stays."""
        source = self._of_entry[entry.id]
        source.problem = source.problem or why

    def opened_records(self, client_random: bytes, records: int = 1) -> None:
        """See `SecretStore`."""
        source = self._of_connection.get(client_random)
        if source is not None:
            source.opened += records

    def log_secret(self, label: str, client_random: bytes) -> Secret | None:
        """See `SecretStore`."""
        found = self._log.get((label, client_random))
        if found is None:
            if len(self._missed) < _MISSED:
                self._missed.add((label, client_random))
            return None
        self._matched(client_random, found[1])
        return found[0]

    def rewind(self) -> None:
        """Forgets the account, not the keys: the same captures are read again."""
        self.late = False
        self._missed.clear()
        self._of_connection.clear()
        for source in self.sources:
            source.matched = source.opened = 0
            source.problem = ""

    def rsa_premaster(self, encrypted: bytes, certificate: bytes | None, client_random: bytes) -> Secret | None:
        """See `SecretStore`: a key log's line for this premaster or connection, else a private key."""
        for found in (self._log.get(("RSA", encrypted[:8])), self._log.get(("PMS_CLIENT_RANDOM", client_random))):
            if found is not None:
                self._matched(client_random, found[1])
                self._premasters[client_random] = found[0]
                return found[0]
        for key, source in self._private:
            premaster = key.premaster(encrypted, certificate)
            if premaster is not None:
                self._matched(client_random, source)
                self._premasters[client_random] = premaster
                return premaster
        return None

    def session_master(self, session: bytes) -> Secret | None:
        """See `SecretStore`."""
        return self._sessions.get(hashlib.sha256(session).digest())

    def remember_session(self, session: bytes, master: Secret) -> None:
        """See `SecretStore`. The oldest of `_SESSIONS` goes."""
        self._sessions[hashlib.sha256(session).digest()] = master
        if len(self._sessions) > _SESSIONS:
            del self._sessions[next(iter(self._sessions))]

    def matched_log(self) -> tuple[bytes, int]:
        """An NSS key log with the secrets of the connections that were seen, and no others; their number.

        A premaster that a private key gave is there as PMS_CLIENT_RANDOM.
        """
        lines = [
            f"{label} {random.hex()} {secret.reveal().hex()}\n"
            for (label, random), (secret, _) in self._log.items()
            if random in self._of_connection and random not in self._premasters
        ]
        lines += [
            f"PMS_CLIENT_RANDOM {random.hex()} {premaster.reveal().hex()}\n"
            for random, premaster in self._premasters.items()
        ]
        return "".join(lines).encode(), len(self._of_connection)

    def _matched(self, client_random: bytes, source: KeySource) -> None:
        if self._of_connection.get(client_random) is not source:
            self._of_connection[client_random] = source
            source.matched += 1
