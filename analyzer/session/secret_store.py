"""What TLS and DTLS connections ask of the keys of a run."""

from typing import Protocol

from analyzer.core.secrets import Secret


class SecretStore(Protocol):
    """Where secrets are looked up: NSS key log labels by client random, premaster secrets by private keys.

    `version` changes when secrets are added. Where `growing`, more may come while connections run.
    """

    version: int
    growing: bool

    def log_secret(self, label: str, client_random: bytes) -> Secret | None:
        """The secret that a key log gives for a label and a client random."""

    def rsa_premaster(self, encrypted: bytes, certificate: bytes | None, client_random: bytes) -> Secret | None:
        """The premaster secret of a ClientKeyExchange, where the server's private key or itself is at hand."""

    def session_master(self, session: bytes) -> Secret | None:
        """The master secret of the session that a session id or ticket names."""

    def remember_session(self, session: bytes, master: Secret) -> None:
        """Keeps a master secret for the connections that resume its session."""

    def opened_records(self, client_random: bytes, records: int = 1) -> None:
        """Told of records that a secret looked up for this client random opened."""
