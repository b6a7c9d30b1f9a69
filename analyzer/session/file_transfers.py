"""Files that MSRP transfers (RFC 5547), put together as their chunks come, for a user who asked for them.

What a file is, SDP says: the content of a message on a session whose m-line has a=file-selector, from the end that
sends it. Nothing else is written. What comes by several hops is one file.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from analyzer.core.anomalies import Anomaly, define
from analyzer.core.file_names import safe_file_name
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.runs import Runs
from analyzer.core.severity import Severity
from analyzer.core.text import safe
from analyzer.formats.cpim import parse as parse_cpim
from analyzer.formats.file_selector import FileSelector
from analyzer.formats.mime import media_type
from analyzer.formats.msrp_uri import session_id
from analyzer.protocols.msrp.message import MsrpMessage
from analyzer.session.msrp_sessions import MsrpSession

LIMIT = define("msrp.file_limit", Severity.INFO, "A transferred file is longer, or one more, than are written", "")
DIFFERS = define(
    "msrp.file_differs", Severity.MEDIUM, "A transferred file has another size or hash than described", "RFC 5547 6"
)

INCOMPLETE = ".incomplete"
_SAME = "sha256"
_ALGORITHMS = {
    "md5": "md5", "sha-1": "sha1", "sha-224": "sha224", "sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512",
}  # fmt: skip


class FileStore(Protocol):
    """Where the bytes of files go. What a disk does wrong is the store's to tell: nothing of this raises."""

    @property
    def count(self) -> int:
        """Files that were kept."""

    def write(self, number: int, offset: int, data: bytes) -> None:
        """Puts bytes of a file in their place."""

    def head(self, number: int, size: int) -> bytes:
        """The first bytes of a file."""

    def seal(self, number: int, skip: int, algorithms: tuple[str, ...]) -> tuple[str, ...]:
        """Drops the first `skip` bytes; gives digests of the rest, hexadecimal."""

    def keep(self, number: int, name: str) -> str:
        """Gives the file a name that nothing has yet, as near to this one as can be; "" if it could not be written."""

    def drop(self, number: int) -> None:
        """Forgets a file."""

    def restart(self) -> None:
        """Takes back what was written: the captures are read again."""


@frozen
class FileOffer:
    """What an m-line says of a file: the end of its path sends it, or only receives it, or that is not said."""

    selector: FileSelector
    sends: bool | None


@frozen
class SavedFile:
    """A file that was written. `as_described`: size and hash are those of a=file-selector, None if it has neither."""

    name: str
    size: int
    complete: bool
    as_described: bool | None


Key = tuple[int, str, str]  # session, sender's URI, Message-ID


@dataclass(slots=True)
class _Transfer:
    number: int
    session: MsrpSession
    selector: FileSelector
    content_type: str
    first: MsrpMessage
    runs: Runs = field(default_factory=Runs)
    last: int | None = None  # one behind the last byte, once it is known
    cut: bool = False  # bytes were left out at a bound

    def complete(self) -> bool:
        return self.last is not None and not self.cut and self.runs.reach(self.last)


class FileTransfers:
    """Takes the chunks of every session; `offers` are those of the m-lines seen so far, by session id.

    At most `files` files are written, `file_bytes` of one and `files_bytes` of all; `files_open` are under way at once,
    the one that waited longest is ended as incomplete.
    """

    def __init__(self, limits: Limits, store: FileStore, offers: Mapping[str, FileOffer]) -> None:
        self._limits = limits
        self._store = store
        self._offers = offers
        self._open: OrderedDict[Key, _Transfer] = OrderedDict()
        self._ended: OrderedDict[Key, None] = OrderedDict()
        self._saved: dict[int, list[SavedFile]] = {}  # by session
        self._known: dict[tuple[str, str, bool], SavedFile] = {}  # by Message-ID and digest: the same on another hop
        self._begun = self._bytes = 0

    def saved(self, session: MsrpSession) -> tuple[SavedFile, ...]:
        """The files of a session that were written."""
        return tuple(self._saved.get(session.ordinal, ()))

    def take(self, chunk: MsrpMessage, session: MsrpSession) -> list[Anomaly]:
        """Takes a SEND, counted once however often it was seen."""
        offer = self._offer(chunk)
        found: list[Anomaly] = []
        if offer is None or not (chunk.body or chunk.continuation == "#"):
            return found
        key = (session.ordinal, chunk.from_path[-1], chunk.message_id or chunk.transaction_id)
        transfer = self._open.get(key)
        if transfer is None:
            if key in self._ended or not chunk.body:
                return found
            if self._begun >= self._limits.files:
                self._forget(key)
                return [Anomaly(LIMIT, chunk.cites, f"more than {self._limits.files} files")]
            self._begun += 1
            transfer = _Transfer(self._begun, session, offer.selector, chunk.content_type, chunk)
            self._open[key] = transfer
        self._open.move_to_end(key)
        self._put(transfer, chunk, found)
        if transfer.complete() or chunk.continuation == "#" or len(transfer.runs) > self._limits.sequence_ranges:
            found += self._end(key)
        elif len(self._open) > self._limits.files_open:
            found += self._end(next(iter(self._open)))
        return found

    def end(self, session: MsrpSession) -> list[Anomaly]:
        """The session is over: what has begun on it is all there will be."""
        return [anomaly for key in list(self._open) if key[0] == session.ordinal for anomaly in self._end(key)]

    def finish(self) -> list[Anomaly]:
        """No more will come."""
        return [anomaly for key in list(self._open) for anomaly in self._end(key)]

    def _offer(self, chunk: MsrpMessage) -> FileOffer | None:
        """What the descriptions say of the content of a chunk, if it is a file."""
        if not (chunk.from_path and chunk.to_path):
            return None
        sender = self._offers.get(session_id(chunk.from_path[-1]))
        receiver = self._offers.get(session_id(chunk.to_path[-1]))
        if sender is not None and sender.sends is not False:
            return sender
        return receiver if receiver is not None and receiver.sends is not True and sender is None else None

    def _put(self, transfer: _Transfer, chunk: MsrpMessage, found: list[Anomaly]) -> None:
        first, body = (chunk.byte_range or (1, None, None))[0], chunk.body
        if chunk.complete and chunk.continuation == "$":
            transfer.last = max(transfer.last or 1, first + len(body))
        room = min(self._limits.file_bytes + 1 - first, self._limits.files_bytes - self._bytes)
        if len(body) > room:
            if not transfer.cut:
                found.append(Anomaly(LIMIT, chunk.cites, safe(transfer.selector.name, 60)))
            transfer.cut, body = True, body[: max(room, 0)]
        if body:
            transfer.runs.cover(first, first + len(body))
            self._bytes += len(body)
            self._store.write(transfer.number, first - 1, body)

    def _end(self, key: Key) -> list[Anomaly]:
        transfer = self._open.pop(key)
        self._forget(key)
        if not transfer.runs:
            self._store.drop(transfer.number)
            return []
        complete, selector = transfer.complete(), transfer.selector
        skip = self._envelope(transfer)
        wanted = _ALGORITHMS.get(selector.hash, _SAME)
        same, digest = self._store.seal(transfer.number, skip, (_SAME, wanted))
        size = transfer.runs.ends[-1] - 1 - skip
        described = _as_described(selector, size, digest) if complete else None
        known = self._known.get((key[2], same, complete))
        if known is not None:
            self._store.drop(transfer.number)
        else:
            name = safe_file_name(selector.name) + ("" if complete else INCOMPLETE)
            known = SavedFile(self._store.keep(transfer.number, name), size, complete, described)
            self._known[key[2], same, complete] = known
        if known.name:
            self._saved.setdefault(key[0], []).append(known)
        return [Anomaly(DIFFERS, transfer.first.cites, known.name)] if described is False else []

    def _envelope(self, transfer: _Transfer) -> int:
        """Bytes of a message/cpim around the file (RFC 3862)."""
        if media_type(transfer.content_type)[0] != "message/cpim":
            return 0
        head = self._store.head(transfer.number, 2 * self._limits.header_bytes)
        inside = parse_cpim(head, self._limits)
        return len(head) - len(inside.body) if inside.complete else 0

    def _forget(self, key: Key) -> None:
        self._ended[key] = None
        if len(self._ended) > self._limits.files:
            self._ended.popitem(last=False)


def _as_described(selector: FileSelector, size: int, digest: str) -> bool | None:
    if selector.size is not None and selector.size != size:
        return False
    if selector.digest and selector.hash in _ALGORITHMS:
        return selector.digest == digest
    return None if selector.size is None else True
