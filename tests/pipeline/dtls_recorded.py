"""DTLS between the two ends of the openssl program, recorded: what the tests of DTLS are held against.

`python -m tests.pipeline.dtls_recorded` makes dtls_recorded.json anew: for each case the datagrams in order, the key
log, the keying material that both ends print for EXTRACTOR-dtls_srtp, and the application data that each sent.
"""

import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("dtls_recorded.json")
# name -> options of both ends, profile, bytes of keying material (RFC 5764 4.1.2, RFC 7714 12)
CASES: dict[str, tuple[list[str], str, int]] = {
    "1.2-gcm": (["-dtls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], "SRTP_AES128_CM_SHA1_80", 60),
    "1.2-gcm-384": (["-dtls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"], "SRTP_AEAD_AES_256_GCM", 88),
    "1.2-ccm": (["-dtls1_2", "-cipher", "DHE-RSA-AES128-CCM"], "SRTP_AEAD_AES_128_GCM", 56),
    "1.2-ccm8": (["-dtls1_2", "-cipher", "DHE-RSA-AES256-CCM8"], "SRTP_AES128_CM_SHA1_80", 60),
    "1.2-chacha": (["-dtls1_2", "-cipher", "ECDHE-RSA-CHACHA20-POLY1305"], "SRTP_AES128_CM_SHA1_32", 60),
    "1.2-cbc-etm": (["-dtls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256"], "SRTP_AES128_CM_SHA1_80", 60),
    "1.2-cbc": (["-dtls1_2", "-cipher", "ECDHE-RSA-AES256-SHA384", "-no_etm"], "SRTP_AES128_CM_SHA1_80", 60),
    "1.0-cbc": (["-dtls1", "-cipher", "AES256-SHA:@SECLEVEL=0"], "SRTP_AES128_CM_SHA1_80", 60),
    "1.2-fragments": (["-dtls1_2", "-mtu", "256"], "SRTP_AES128_CM_SHA1_80", 60),
}
# BFCP over an unreliable transport (RFC 8855 5.1): version 2, Hello of conference 1, transaction 2, user 3; its answer
HELLO = bytes.fromhex("400b00000000000100020003")
GOODBYE = bytes.fromhex("401000000000000100040003")


@dataclass(frozen=True)
class Recorded:
    """One case. `datagrams`: whether the client sent it, and its bytes."""

    name: str
    datagrams: list[tuple[bool, bytes]]
    key_log: bytes
    material: bytes
    profile: str


def load() -> list[Recorded]:
    """Every case."""
    found: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="ascii"))
    return [
        Recorded(
            case["name"],
            [(line[0] == "c", bytes.fromhex(line[1:])) for line in case["datagrams"]],
            case["key_log"].encode(),
            bytes.fromhex(case["material"]),
            case["profile"],
        )
        for case in found
    ]


def _relay(listening: socket.socket, port: int, seen: list[tuple[bool, bytes]]) -> None:
    """Passes datagrams between a client and the server, and notes them."""
    server = ("127.0.0.1", port)
    client = None
    listening.settimeout(8)
    try:
        while True:
            data, source = listening.recvfrom(65_536)
            from_client = source[1] != port
            client = source if from_client else client
            seen.append((from_client, data))
            target = server if from_client else client
            if target is not None:
                listening.sendto(data, target)
    except OSError:
        pass


def _material(output: bytes) -> str:
    text = output.decode("latin-1")
    return text.partition("Keying material: ")[2].split()[0].lower()


def _record(name: str, folder: Path) -> dict[str, Any]:
    options, profile, size = CASES[name]
    shared = [*options, "-use_srtp", profile, "-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", str(size)]
    seen: list[tuple[bool, bytes]] = []
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind(("127.0.0.1", 0))
    port = listening.getsockname()[1] + 1
    log = folder / f"{name}.log"
    certificate = ["-cert", str(folder / "cert.pem"), "-key", str(folder / "key.pem")]
    server = subprocess.Popen(
        ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", *certificate, *shared, "-keylogfile", str(log)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    thread = threading.Thread(target=_relay, args=(listening, port, seen), daemon=True)
    thread.start()
    time.sleep(0.4)
    client = subprocess.Popen(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port - 1}", *certificate, *shared],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert client.stdin is not None and server.stdin is not None
    time.sleep(1.2)
    client.stdin.write(HELLO)
    client.stdin.flush()
    time.sleep(0.3)
    server.stdin.write(GOODBYE)
    server.stdin.flush()
    time.sleep(0.3)
    client.stdin.close()
    output = client.stdout.read() if client.stdout else b""
    server.kill()
    listening.close()
    thread.join(1)
    return {
        "name": name,
        "profile": profile,
        "datagrams": [("c" if from_client else "s") + data.hex() for from_client, data in seen],
        "key_log": log.read_text(encoding="ascii"),
        "material": _material(output),
    }


def main() -> None:
    """Records every case."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=dtls", "-days", "3650",
             "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
            check=True, capture_output=True,
        )  # fmt: skip
        FILE.write_text(json.dumps([_record(case, folder) for case in CASES], indent=0) + "\n", encoding="ascii")
    sys.stdout.write(f"{FILE}\n")


if __name__ == "__main__":
    main()
