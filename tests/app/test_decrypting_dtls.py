"""DTLS written in clear: handshakes of the openssl program and what its ends said, BFCP."""

from itertools import pairwise
from pathlib import Path

import pytest

from analyzer.app.decrypting import decrypt
from analyzer.app.settings import Silent
from tests.app.test_decrypting import frames
from tests.app.test_decrypting_carriers import datagram, fragments, wrong
from tests.pipeline.dtls_recorded import GOODBYE, HELLO
from tests.pipeline.test_dtls_srtp import CLIENT, NAMES, SERVER, cases
from tests.pipeline.wire import Wire


def run(name: str, folder: Path, *, keyed: bool = True, pieces: bool = False) -> tuple[list[bytes], list[bytes], Path]:
    """The datagrams that were sent, those in the new file, and the file; `pieces`: application data in fragments."""
    wire, case, sent = Wire(), cases()[name], []
    for from_client, data in case.datagrams:
        ends = (CLIENT, SERVER) if from_client else (SERVER, CLIENT)
        packet = datagram(*ends, data, 4)
        for each in fragments(packet, len(sent) + 1, [16]) if pieces and data[:1] == b"\x17" else [packet]:
            wire.frames.append((wire.now_ns + len(wire.frames), each))
        sent.append(data)
    source, keys, out = folder / "in.pcap", folder / "keys.txt", folder / "out.pcapng"
    source.write_bytes(wire.pcap())
    keys.write_bytes(case.key_log)
    done = decrypt([str(source)], [keys] if keyed else [], out, Silent())
    assert (done.dtls, done.media.kept) == ((2, 0) if keyed else (0, 0))
    return sent, [row[3] for row in frames(out)[0]], out  # type: ignore[misc]  # bytes


@pytest.mark.parametrize("name", NAMES)
def test_application_data_is_what_it_carried(name: str, tmp_path: Path) -> None:
    sent, written, _ = run(name, tmp_path)
    said = [new[28:] for old, new in zip(sent, written, strict=True) if new[28:] != old]
    assert said == [HELLO, GOODBYE]
    assert all(new[28:] == old for old, new in zip(sent, written, strict=True) if old[:1] != b"\x17")


@pytest.mark.tshark
def test_in_fragments_too(tmp_path: Path) -> None:
    """As many frames, lengths and checksums right."""
    sent, written, out = run("1.2-gcm", tmp_path, pieces=True)
    assert len(written) == len(sent) + 2
    together = [a[28:] + b[20:] for a, b in pairwise(written) if a[6] & 0x20]
    assert together == [HELLO, GOODBYE]
    assert not wrong(out)


def test_without_secrets_nothing_changes(tmp_path: Path) -> None:
    sent, written, _ = run("1.2-gcm", tmp_path, keyed=False)
    assert [new[28:] for new in written] == sent
