"""Every bound in one place, so that tests and fuzzers can shrink them."""

from analyzer.core.frozen import frozen

SECOND_NS = 1_000_000_000


@frozen
class Limits:
    """What may grow, and how far. A bound that is hit is announced in the report."""

    # capture
    frame_bytes: int = 262_144  # a longer captured length is taken as a broken record
    expanded_bytes: int = 64 * 1024**3  # of one compressed capture
    expansion_ratio: int = 2_000  # expanded bytes per compressed byte, beyond 64 MiB
    expansion_memory: int = 128 * 1024**2  # that a stream may ask for to be expanded: its window, its dictionary
    block_bytes: int = 16 * 1024**2  # of one pcapng block
    interfaces: int = 65_536  # of one capture; packets of others are counted, not read
    clock_interfaces: int = 64  # of one capture, whose clocks are compared; others are taken to have the first one's
    clocks: int = 8  # of one capture, which is read as often
    ring_bytes: int = 32 * 1024**2  # shared with the kernel, for each live interface
    ring_block_bytes: int = 1024**2  # of it handed over at once; holds the largest packet
    # net
    decode_depth: int = 8  # tunnels and encapsulations stacked in one frame
    vantages: int = 1_024  # interfaces of "any" captures told apart
    fragments_per_packet: int = 128
    fragment_bytes: int = 4 * 1024**2  # held for unfinished packets, all together
    fragment_timeout_ns: int = 30 * SECOND_NS
    clear_held_bytes: int = 4 * 1024**2  # of frames that `decrypt` keeps back for the rest of packets in fragments
    # transport
    flows: int = 200_000
    tcp_held_bytes: int = 262_144  # out of order, in one direction of one connection
    tcp_held_total: int = 64 * 1024**2
    tcp_recent_total: int = 16 * 1024**2  # payloads delivered last, kept to compare later copies with
    tcp_hole_timeout_ns: int = 10 * SECOND_NS  # for a lost segment to be sent again
    sctp_directions: int = 4_096  # of associations followed at once
    flow_idle_ns: int = 300 * SECOND_NS
    # parsers
    message_bytes: int = 131_072  # one SIP message, start line to end of body
    header_bytes: int = 65_536
    headers: int = 512
    stream_held_bytes: int = 1024**2  # held by one stream parser
    body_parts: int = 32
    nesting: int = 8
    sdp_lines: int = 2_000
    xml_bytes: int = 262_144  # one XML body
    roster_entries: int = 4_096  # users and endpoints of a conference document, entries of a list
    inflated_bytes: int = 1024**2  # one WebSocket message
    msrp_messages: int = 1_024  # whose chunks are not all here, in one direction
    msrp_directions: int = 4_096  # of connections, with such messages
    msrp_held_total: int = 64 * 1024**2  # of their chunks
    msrp_transactions: int = 256  # of one session, unanswered
    files: int = 1_000  # transferred files written by one run
    file_bytes: int = 64 * 1024**2  # of one of them
    files_bytes: int = 1024**3  # of all
    files_open: int = 64  # under way at once
    file_chunk_bytes: int = 16 * 1024**2  # one MSRP chunk where files are written; else `message_bytes`
    messaging_sessions: int = 20_000  # of MSRP, and of BFCP, followed at once
    traced_messages: int = 500  # of a session, kept for a ladder
    bfcp_transactions: int = 256  # of one session, unanswered
    bfcp_conferences: int = 4_096  # whose floors are followed
    bfcp_requests: int = 1_024  # floor requests, and floors, of a conference
    bfcp_steps: int = 64  # of one floor request; chair actions of a conference; errors of a session
    bfcp_attributes: int = 1_024  # of one message, nested ones counted
    bfcp_fragmented: int = 256  # messages whose fragments are not all here
    tls_waiting: int = 256  # connections that ended before the secret their records wait for came, in a live run
    message_paces: int = 8_192  # connections whose first messages are compared by size
    turn_channels: int = 65_536  # bindings of TURN channels to peers, all flows together
    ice_checks: int = 16_384  # flows with connectivity checks, and addresses beyond a NAT, of each
    dtls_handshakes: int = 2_048  # under way at once
    dtls_sessions: int = 20_000  # flows whose handshake gave keys that are still at hand
    # session
    counted_words: int = 256  # methods, and status codes, that are counted apart; others are counted together
    esp_associations: int = 4_096  # followed at once
    esp_keys: int = 32  # tried for one association
    esp_held_packets: int = 1_024  # kept until their association is known to be without encryption
    esp_fragment_bytes: int = 1024**2  # held for unfinished packets out of ESP
    esp_agreements: int = 8_192  # registrations whose associations are remembered
    esp_paths: int = 65_536  # TCP connections inside ESP
    dialogs: int = 100_000
    calls: int = 50_000
    messages_per_call: int = 2_000
    streams: int = 100_000
    connections_per_address: int = 256  # the latest are looked at for one m-line, others where their ids are its own
    contributors: int = 64  # CSRCs of one stream that are told apart
    streams_per_address: int = 256  # looked at for one call; what more there was in its time is unknown
    sequence_ranges: int = 512  # disjoint runs of sequence numbers remembered for a stream
    srtp_roc_search: int = 1_024  # roll-over counters tried for a stream that began before, under up to four keys each
    explained_packets: int = 3  # of a stream that stays closed, tried otherwise to find out why
    explained_counters: int = 64  # roll-over counters that they are tried at
    explained_keys: int = 4  # and keys
    explained_streams: int = 2_000  # streams for which that is done
    srtp_window: int = 1_024  # packet indices of a stream remembered to tell a duplicate from a reused index
    srtp_prime: int = 64  # roll-over counters that the fast path is led through to join a stream late
    srtp_keys: int = 32  # master keys tried for one stream
    srtp_screened: int = 512  # master keys for any stream, where there are more than are tried on each: 20 ms a stream
    rtcp_wait_packets: int = 32  # SRTCP packets of a direction kept until the key that opens them is known
    key_wait_packets: int = 256  # packets of a stream kept until the key that opens them is known
    keyed_media: int = 100_000  # m-lines with keys remembered, over all calls
    cut_messages: int = 1_024  # SIP messages captured in part that wait for a whole copy
    descriptions_per_medium: int = 64  # addresses and keys remembered for one of them
    sighting_window_ns: int = 2 * SECOND_NS
    stream_idle_ns: int = 60 * SECOND_NS
    linger_ns: int = 30 * SECOND_NS
    call_quiet_ns: int = 300 * SECOND_NS
    correlation_keys: int = 32  # by which one call is joined to others
    correlation_members: int = 64  # calls with a common key, beyond which it names no session
    correlation_candidates: int = 32  # calls that are alike, beyond which they are not told apart
    referrals: int = 4_096  # REFERs that wait for what they ask for, and as many that something may have come of
    referral_candidates: int = 16  # requests that may be what one REFER asked for; REFERs that may have asked for one
    referral_ns: int = 60 * SECOND_NS  # in which what a REFER asks for is sent, where no NOTIFY ends that before
    correlation_past: int = 65_536  # keys of judged calls remembered, to know a leg that comes late
    # report
    identities: int = 65_536  # that have ordinals as pseudonyms, `user-1`; a later one has a digest
    named_keys: int = 65_536  # the same for keys
    call_ids: int = 65_536  # the latest shown, which free text may name
    cites_per_anomaly: int = 20
    findings: int = 100_000
    open_places: int = 100  # open findings of one rule that are told apart; the others are one
