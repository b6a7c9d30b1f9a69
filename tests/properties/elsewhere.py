"""Parsers whose input is of another kind than bytes, shown by tests of their own; and what only looks like a parser."""

from tests.properties.harness import Elsewhere, Not, Shown

_CAPTURES = "properties/test_captures.py"
_EDGES = Shown("net/test_decode.py::test_total_accounted_and_blind_to_batch_edges")
_SHARES = Shown("net/test_fragments.py::test_blind_to_batch_edges_bounded_accounted")

_OPENS = Not("a whole record or packet opens, or there is a reason why not: nothing is left of it")
_RECORD = Not("one pass of a cipher over a whole record, which RecordStream bounds")
_KEY = Not("gives plaintext or a reason, no event: who asked for it cites the packet")

ELSEWHERE = (
    Elsewhere(
        (
            "analyzer.capture.reader.open_capture", "analyzer.capture.reader.CaptureReader",
            "analyzer.capture.pcap.pcap_format", "analyzer.capture.pcap.PcapFormat",
            "analyzer.capture.pcapng.PcapngFormat", "analyzer.capture.lanes.Chain",
            "analyzer.capture.bytes_in.ByteSource",
        ),
        Shown(f"{_CAPTURES}::test_total"), Shown(f"{_CAPTURES}::test_blind"), Shown(f"{_CAPTURES}::test_bounded"),
        Shown(f"{_CAPTURES}::test_accounted"), Shown(f"{_CAPTURES}::test_cited"), Shown(f"{_CAPTURES}::test_linear"),
    ),
    Elsewhere(
        ("analyzer.net.decode.Decoder", "analyzer.net.usual.decode"),
        Shown("net/test_decode.py::test_any_bytes_on_any_link"), _EDGES, _SHARES, _EDGES,
        _SHARES, Shown("net/test_decode.py::test_time_is_linear"),
    ),
    Elsewhere(
        ("analyzer.net.fragments.Reassembler", "analyzer.net.fragments.read_fragments"),
        _SHARES, _SHARES, _SHARES, _SHARES, _SHARES,
        Shown("net/test_fragments.py::test_linear_in_hostile_fragments"),
    ),
    Elsewhere(
        ("analyzer.app.key_loading.KeyTail", "analyzer.session.keyring.Keyring"),
        Shown("app/test_key_loading.py::test_a_log_that_grows"),
        Shown("app/test_key_loading.py::test_a_log_that_grows"),
        Not("reads at most `_TAIL` bytes at a time and keeps none; the ring keeps what the user gave"),
        Not("lines are read by nss_keylog.parse_line, which accounts for each"),
        Not("comes from no capture"),
        Not("reads on from where it was: nss_keylog.parse is linear"),
    ),
    Elsewhere(
        (
            "analyzer.crypto.tls_records.RecordOpener", "analyzer.crypto.dtls13_records.Dtls13Opener",
            "analyzer.session.tls_early.EarlyOpener",
        ),
        Shown("crypto/test_tls_keys.py::test_no_record_raises"), _OPENS, _RECORD, _OPENS, _KEY, _RECORD,
    ),
    Elsewhere(
        (
            "analyzer.crypto.srtp.stream.SrtpStream", "analyzer.crypto.srtp.fast.FastStream",
            "analyzer.crypto.srtp.engine.SrtpContext",
        ),
        Shown("crypto/srtp/test_engine.py::test_any_bytes_get_a_value"),
        Shown("crypto/srtp/test_stream.py::test_how_packets_are_split_into_calls_does_not_show"),
        Shown("crypto/srtp/test_window.py::test_bulk_and_single_notes_are_one"), _OPENS, _KEY,
        Not("one pass of a cipher over a packet, under counters and keys within `Limits.srtp_roc_search`, `srtp_keys`"),
    ),
    Elsewhere(
        ("analyzer.session.tls.TlsConnection", "analyzer.session.dtls.DtlsSession"),
        Shown("app/test_decrypting_hostile.py::test_any_damage"),
        Not("takes whole records: RecordStream and HandshakeAssembler have put them together"),
        Shown("session/test_tls_bounds.py::test_a_flood_of_records_is_held_in_bounds"), _OPENS,
        Shown("golden/test_cites.py::test_cites_open"),
        Shown("session/test_tls_bounds.py::test_a_message_in_small_records_is_read_once"),
    ),
)  # fmt: skip

NO_PARSERS = {
    "analyzer.app.outputs.parse_formats": "words of the command line",
    "analyzer.capture.bpf.compile_filter": "runs tcpdump on words of the command line",
    "analyzer.capture.bytes_in.open_file": "opens a file, reads nothing",
    "analyzer.capture.inputs.expand": "names of files on the command line",
    "analyzer.capture.inputs.is_pipe": "a name on the command line",
    "analyzer.capture.live.LiveSource": "takes packets from the kernel's ring, whose layout the kernel keeps",
    "analyzer.capture.vantage.group": "names of captures, each read by open_capture",
    "analyzer.capture.vantage.scan": "reads a capture by open_capture",
    "analyzer.capture.vantage.unmatched": "names on the command line",
    "analyzer.formats.user_file.read_bounded": "reads a file whole, within a bound: formats/test_user_file.py",
    "analyzer.formats.yaml_reader.near": "a known word like a mistaken one",
    "analyzer.pipeline.engine.Engine": "runs the parsers: pipeline/test_batch_edge.py, golden/test_hostile.py",
    "analyzer.pipeline.streams.StreamHandler": "runs the parsers of streams: pipeline/test_batch_edge.py",
    "analyzer.protocols.msrp.message.Start": "the start line that MsrpStream has read, and the search for its end",
    "analyzer.protocols.rtp.framing.with_null_packets": "writes",
    "analyzer.protocols.sip.parser.Head": "the head that SipStream and parse_datagram read",
    "analyzer.session.media.table.StreamTable": "columns of packets, no bytes: pipeline/test_batch_edge.py",
    "analyzer.transport.framer.Framer": "what SipStream, MsrpStream and BfcpStream have in common",
}
"""By name, why it needs no registration."""
