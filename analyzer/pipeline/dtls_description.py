"""What a DTLS handshake says, on the connection that the report has a row for."""

from analyzer.formats import tls_handshake as hs
from analyzer.formats.tls_suites import suite_name
from analyzer.session.connections import Connection
from analyzer.session.dtls import DtlsSession


def describe(connection: Connection, session: DtlsSession) -> None:
    """Puts on the connection what the handshake says so far."""
    if session.server_hello is not None:
        if session.client_hello is not None:
            connection.handshake = hash((session.client_hello.random, session.server_hello.random))
        connection.tls_version = hs.VERSIONS.get(session.version, f"0x{session.version:04x}")
        connection.tls_cipher = suite_name(session.server_hello.suites[0])
        connection.alpn = next(iter(session.server_hello.alpn), "")
        connection.compressed = session.server_hello.compression != 0
        connection.renegotiation_secure = session.server_hello.renegotiation_secure
    if session.certificates:
        connection.server_certificates = session.certificates
    if session.client_certificates:
        connection.client_certificates = session.client_certificates
    if not connection.client_certified and session.client_certified is not None:  # another vantage point may know
        connection.client_certified = session.client_certified
    if len(session.profiles) == 1 and session.server_hello is not None:
        connection.srtp_profile = session.profiles[0]
    if session.profiles and session.server_hello is not None:
        connection.inner = connection.inner or "srtp"
