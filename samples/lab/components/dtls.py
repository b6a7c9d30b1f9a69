"""A DTLS-SRTP handshake (RFC 5764) on a socket that was handed over; prints the keys as JSON.

`python3 dtls.py FD client|server HOST PORT CERTIFICATE KEYLOG`, run by Debian's Python, which has pyOpenSSL.
"""

import base64
import json
import socket
import sys
import time
from pathlib import Path

from OpenSSL import SSL

OFFERED = b"SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM"
SUITES = {  # RFC 5764 4.1.2, RFC 7714 14.2: bytes of key and salt
    b"SRTP_AES128_CM_SHA1_80": ("AES_CM_128_HMAC_SHA1_80", 16, 14),
    b"SRTP_AEAD_AES_128_GCM": ("AEAD_AES_128_GCM", 16, 12),
}
RECORD_HEAD, SECONDS, RESEND = 13, 10.0, 0.4


def records(data: bytes) -> list[bytes]:
    """The records of a flight; each goes into a datagram of its own."""
    found = []
    while data:
        size = RECORD_HEAD + int.from_bytes(data[11:13], "big")
        found.append(data[:size])
        data = data[size:]
    return found


def chosen(connection: SSL.Connection) -> bytes:
    """The name of the SRTP profile agreed on."""
    profile = SSL._lib.SSL_get_selected_srtp_profile(connection._ssl)  # pyOpenSSL wraps no getter
    return bytes(SSL._ffi.string(profile.name))


def main() -> None:
    """Shakes hands, sending a flight again that is not answered; prints suite and both keys."""
    descriptor, role, host, port, certificate, log = sys.argv[1:]
    sock, peer = socket.socket(fileno=int(descriptor)), (host, int(port))
    context = SSL.Context(SSL.DTLS_METHOD)
    context.use_certificate_file(certificate)
    context.use_privatekey_file(certificate)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
    context.set_tlsext_use_srtp(OFFERED)
    with Path(log).open("ab") as secrets:
        context.set_keylog_callback(lambda _, line: secrets.write(line + b"\n"))
        connection = SSL.Connection(context, None)
        connection.set_ciphertext_mtu(1200)
        (connection.set_connect_state if role == "client" else connection.set_accept_state)()
        end, flight, done = time.monotonic() + SECONDS, b"", False
        while True:
            try:
                connection.do_handshake()
                done = True
            except SSL.WantReadError:
                pass
            try:
                flight = connection.bio_read(65535)
                for record in records(flight):
                    sock.sendto(record, peer)
            except SSL.WantReadError:
                pass
            if done:
                break
            sock.settimeout(RESEND)
            try:
                data, sender = sock.recvfrom(4096)
            except TimeoutError:
                for record in records(flight):
                    sock.sendto(record, peer)
                if time.monotonic() > end:
                    raise
                continue
            if sender[:2] == peer and 20 <= data[0] < 64:  # RFC 5764 5.1.2
                connection.bio_write(data)
    suite, key, salt = SUITES[chosen(connection)]
    both = connection.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
    keys, salts = both[: 2 * key], both[2 * key :]
    client, server = (keys[i * key : (i + 1) * key] + salts[i * salt : (i + 1) * salt] for i in (0, 1))
    written = {name: base64.b64encode(value).decode() for name, value in (("client", client), ("server", server))}
    print(json.dumps(written | {"suite": suite}))
    sock.detach()


if __name__ == "__main__":
    main()
