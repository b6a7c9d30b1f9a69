"""Signed identities as a scripted end writes them: a PASSporT (RFC 8225) in an Identity header (RFC 8224)."""

import base64
import json
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

_HOUR = 3600
FAULTS = ("", "expired", "caller", "tampered", "unknown-signer", "lapsed-certificate")


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _written(tree: dict[str, Any]) -> str:
    """Deterministic JSON (RFC 8225 9)."""
    return _part(json.dumps(tree, sort_keys=True, separators=(",", ":")).encode())


def _signed(text: str, key_file: Path) -> str:
    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    r, s = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{text}.{_part(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def identity(caller: str, called: str, fault: str, certificates: Path) -> str:
    """The Identity header of a call. `fault`: signed an hour ago (expired), for another caller (caller), changed after
    it was signed (tampered), with a key whose certificate is not given to anybody (unknown-signer), with one whose
    certificate is past its time (lapsed-certificate)."""
    assert fault in FAULTS, fault
    signer = {"unknown-signer": "stranger", "lapsed-certificate": "lapsed"}.get(fault, "signer")
    place = f"https://certs.ims.example/{signer}.pem"
    head = _written({"alg": "ES256", "typ": "passport", "x5u": place})
    issued = int(time.time()) - (_HOUR if fault == "expired" else 0)
    claims = {
        "dest": {"uri": [called]},
        "iat": issued,
        "orig": {"uri": "sip:chair@ims.example" if fault == "caller" else caller},
    }
    token = _signed(f"{head}.{_written(claims)}", certificates / f"{signer}.key")
    if fault == "tampered":
        _, _, signature = token.split(".")
        token = f"{head}.{_written(claims | {'iat': issued + 1})}.{signature}"
    return f"Identity: {token};info=<{place}>;alg=ES256"
