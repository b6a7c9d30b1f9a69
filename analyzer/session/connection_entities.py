"""A TLS or DTLS connection as rules see it."""

from analyzer.core.unknown import Unknown
from analyzer.crypto.srtp.suites import suite_of_profile
from analyzer.session.certificate_facts import certificate_facts
from analyzer.session.connections import Connection
from analyzer.session.model.registry import TlsConnection
from analyzer.session.placement import Placement


def _srtp_suite(connection: Connection) -> str | Unknown:
    if connection.srtp_profile is None:
        return Unknown.of("message", "the SRTP profile of the handshake") if connection.inner == "srtp" else "none"
    suite = suite_of_profile(connection.srtp_profile)
    return suite.name if suite is not None else f"0x{connection.srtp_profile:04x}"


def connection_entity(connection: Connection, placement: Placement) -> TlsConnection:
    """What its handshake, in clear or opened, shows."""
    firsts = sorted((first for first, _, _ in connection.sightings.values()), key=lambda c: (c.ts_ns, c.frame))
    unseen = Unknown.of("message", f"the ServerHello of {connection.src} to {connection.dst}")
    sealed = connection.tls_version.endswith("1.3") and not connection.decrypted
    missing = f"the certificates between {connection.src} and {connection.dst}"
    unshown = Unknown.of("key" if sealed else "message", missing)
    chains = (connection.server_certificates, connection.client_certificates)
    certificates = certificate_facts(chains, connection.first_ns, unshown)
    return TlsConnection(
        version=connection.tls_version or unseen,
        cipher=connection.tls_cipher or unseen,
        srtp_suite=_srtp_suite(connection),
        from_addr=str(connection.src),
        to_addr=str(connection.dst),
        from_node=placement.node(connection.src.ip),
        to_node=placement.node(connection.dst.ip),
        carries=connection.inner or Unknown.of("key", "what the connection carries"),
        compressed=unseen if connection.compressed is None else connection.compressed,
        renegotiation_secure=unseen if connection.renegotiation_secure is None else connection.renegotiation_secure,
        certificates_valid=certificates.valid,
        certificate_keys_strong=certificates.key_strong,
        certificate_signatures_strong=certificates.signature_strong,
        first=tuple(firsts[:1]),
    )
