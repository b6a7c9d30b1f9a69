"""One message at several places: told from retransmissions and mirror copies, in bounded memory."""

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.limits import Limits
from analyzer.session.carrier import Carrier
from analyzer.session.sightings import SightingTable

ENDS = Endpoints(Address(1, 5060), Address(2, 5060), 17)
SECOND = 1_000_000_000


def carrier(vantage: int, ip_id: int = -1) -> Carrier:
    return Carrier(vantage, ENDS, "udp", "", ip_id)


def test_the_kth_at_one_vantage_point_matches_the_kth_at_another() -> None:
    table = SightingTable(Limits())
    steps = [(0, 0, "a"), (0, SECOND // 2, "b"), (1, SECOND // 2 + 5_000_000, "x"), (1, SECOND, "y")]
    assert [table.place(carrier(v), b"m", ts, owner) for v, ts, owner in steps] == [
        ("new", "a"), ("retransmission", "b"), ("sighting", "a"), ("sighting", "b"),
    ]  # fmt: skip


def test_what_is_older_than_any_transaction_is_forgotten() -> None:
    """RFC 3261 17.1.1.2: 64*T1. What came since keeps nothing else alive."""
    table = SightingTable(Limits())
    for raw in (b"repeated", b"m"):
        assert table.place(carrier(0), raw, 0, raw) == ("new", raw)
    assert table.place(carrier(0), b"repeated", 30 * SECOND, "again") == ("retransmission", "again")
    assert table.place(carrier(0), b"m", 32 * SECOND + 1, "late") == ("new", "late")
    assert table.place(carrier(1), b"m", 32 * SECOND + 2, "y") == ("sighting", "late")


def test_a_mirror_copy_has_the_same_identification_within_a_millisecond() -> None:
    table = SightingTable(Limits())
    assert table.place(carrier(0, 7), b"m", 0, "a") == ("new", "a")
    assert table.place(carrier(0, 7), b"m", 900_000, "b") == ("mirror", "a")
    assert table.place(carrier(0, 8), b"m", SECOND, "c") == ("retransmission", "c")


def test_a_flood_of_equal_messages_is_held_in_bounds() -> None:
    table = SightingTable(Limits())
    for n in range(20_000):
        table.place(carrier(0), b"m", n * 1_000_001, n)
    assert sum(len(identity.owners) for identity in table._identities.values()) <= 256


def test_a_copy_in_part_is_the_message_that_a_whole_one_shows() -> None:
    """The k-th at one vantage point matches the k-th at another, whichever of them is whole."""
    table, same, place = SightingTable(Limits()), ("branch", "INVITE"), carrier
    assert table.place(place(0), b"m", 0, "a", same, True) == ("new", "a")
    assert table.place(place(1), b"message", 1, "b", same) == ("whole", "a")
    assert table.place(place(2), b"mes", 2, "c", same, True) == ("sighting", "a")
    assert table.place(place(0), b"m", SECOND, "d", same, True) == ("new", "d")
    assert table.place(place(1), b"message", SECOND + 1, "e", same) == ("whole again", "d")


def test_what_is_known_of_copies_in_part_goes_with_them() -> None:
    table = SightingTable(Limits(), capacity=10)
    for n in range(100):
        table.place(carrier(n % 2, n + 1), b"%d" % n, n * 60 * SECOND, n, (n,), n % 3 == 0)
    assert len(table._whole) <= len(table._identities) <= 11
