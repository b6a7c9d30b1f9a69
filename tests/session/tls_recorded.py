"""TLS connections between the two ends of the openssl program, recorded: what renegotiates, and what updates its keys.

`python -m tests.session.tls_recorded` makes tls_recorded.json anew: for each case what each side put on the wire, in
order, the key log, and the lines that each was given to send.
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
from typing import Any, Literal

FILE = Path(__file__).with_name("tls_recorded.json")
Side = Literal["client", "server"]
# what is typed at which end: R renegotiates, k updates the own keys, K those of both (openssl-s_client(1))
RENEGOTIATED = ["c one", "s two", "cR", "c three", "s four", "cR", "c five"]
UPDATED = ["c one", "s two", "cK", "c three", "s four", "sK", "s five", "c six", "ck", "c seven", "s eight"]
SAID = ["c one", "s two", "c three", "s four", "c five", "s six"]
OLD = "ALL:@SECLEVEL=0"
# name -> options of both ends, what is typed
CASES: dict[str, tuple[list[str], list[str]]] = {
    "renegotiated-ecdhe": (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], RENEGOTIATED),
    "renegotiated-cbc": (["-tls1", "-cipher", f"ECDHE-ECDSA-AES128-SHA:{OLD}", "-no_etm"], RENEGOTIATED),
    "updated": (["-tls1_3"], UPDATED),
    "chained": (["-tls1", "-cipher", f"ECDHE-ECDSA-AES128-SHA:{OLD}", "-no_etm"], SAID),
    "chained-etm": (["-tls1", "-cipher", f"ECDHE-ECDSA-AES128-SHA:{OLD}"], SAID),
}


@dataclass(frozen=True)
class Recorded:
    """One case. `said`: the lines of each side."""

    name: str
    wire: list[tuple[Side, bytes]]
    key_log: bytes
    said: dict[Side, list[bytes]]


def load() -> dict[str, Recorded]:
    """Every case by its name."""
    found: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="ascii"))
    return {
        case["name"]: Recorded(
            case["name"],
            [("client" if line[0] == "c" else "server", bytes.fromhex(line[1:])) for line in case["wire"]],
            case["key_log"].encode(),
            {
                side: [f"{line[2:]}\n".encode() for line in case["typed"] if line[0] == side[0] and line[1] == " "]
                for side in ("client", "server")
            },
        )
        for case in found
    }


def _pump(source: socket.socket, target: socket.socket, side: str, seen: list[str]) -> None:
    """Passes what one end sends to the other, and notes it."""
    try:
        while data := source.recv(65_536):
            seen.append(side + data.hex())
            target.sendall(data)
    except OSError:
        pass


def _record(name: str, folder: Path) -> dict[str, Any]:
    options, typed = CASES[name]
    seen: list[str] = []
    log = folder / f"{name}.log"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        certificate = ["-cert", str(folder / "cert.pem"), "-key", str(folder / "key.pem")]
        server = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{port + 1}", *certificate, *options,
             "-client_renegotiation", "-num_tickets", "1"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(0.4)
        client = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options, "-keylogfile", str(log)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        near, far = listening.accept()[0], socket.create_connection(("127.0.0.1", port + 1))
        for end in ((near, far, "c", seen), (far, near, "s", seen)):
            threading.Thread(target=_pump, args=end, daemon=True).start()
        time.sleep(0.6)
        for line in typed:
            keyboard = client.stdin if line[0] == "c" else server.stdin
            assert keyboard is not None
            keyboard.write(f"{line[1:].lstrip()}\n".encode())
            keyboard.flush()
            time.sleep(0.25)
        client.kill()
        server.kill()
    return {"name": name, "wire": seen, "key_log": log.read_text(encoding="ascii"), "typed": typed}


def main() -> None:
    """Records every case."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-subj", "/CN=tls", "-days", "3650", "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
            check=True, capture_output=True,
        )  # fmt: skip
        FILE.write_text(json.dumps([_record(case, folder) for case in CASES], indent=0) + "\n", encoding="ascii")
    sys.stdout.write(f"{FILE}\n")


if __name__ == "__main__":
    main()
