"""Every key of a run, and which of them opened what."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from analyzer.core.secrets import Secret
from analyzer.formats.nss_keylog import LogProblem, LogSecret, parse
from analyzer.session.key_entries import SrtpMaster

_TLS_KEY_LOG = 0x544C534B


@dataclass(slots=True)
class KeySource:
    """One file, environment variable or capture that keys came from."""

    kind: str
    name: str
    secrets: int = 0
    used: set[bytes] = field(default_factory=set)
    problem: str = ""


class Keyring:
    """Secrets by what they belong to. Looking one up for a connection that exists marks it as used."""

    def __init__(self) -> None:
        self.sources: list[KeySource] = []
        self.srtp: list[SrtpMaster] = []
        self._log: dict[tuple[str, bytes], tuple[Secret, KeySource]] = {}

    def add_key_log(self, data: bytes, name: str) -> list[LogProblem]:
        """Adds an NSS key log; gives the lines that are not understood."""
        source = KeySource("tls-keylog", name)
        self.sources.append(source)
        return self._add(parse(data), source)

    def add_capture_secret(self, kind: int, data: bytes, name: str) -> None:
        """Adds a decryption secrets block of a pcapng: a TLS key log (pcapng 4.7); lines not understood are ignored."""
        if kind == _TLS_KEY_LOG:
            self.add_key_log(data, name)

    def _add(self, lines: Iterable[LogSecret | LogProblem], source: KeySource) -> list[LogProblem]:
        problems: list[LogProblem] = []
        for line in lines:
            if isinstance(line, LogProblem):
                problems.append(line)
            else:
                source.secrets += 1
                self._log.setdefault((line.label, line.client_random), (line.secret, source))
        return problems

    def log_secret(self, label: str, client_random: bytes) -> Secret | None:
        """See `session.tls.SecretStore`."""
        found = self._log.get((label, client_random))
        if found is None:
            return None
        secret, source = found
        source.used.add(client_random)
        return secret

    def rsa_premaster(self, encrypted: bytes, certificate: bytes | None) -> Secret | None:
        """See `session.tls.SecretStore`: a key log's RSA line; private keys are not read yet."""
        del certificate
        return self.log_secret("RSA", encrypted[:8])
