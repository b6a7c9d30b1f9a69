"""Which call an id belongs to by its SDP: MSRP session ids, BFCP conference and user ids, fragments of ICE.

Many calls share the two addresses of a server and a gateway. A connection whose ids another call's descriptions name
is not this call's.
"""

from collections import OrderedDict
from collections.abc import Iterable

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.limits import Limits
from analyzer.formats import file_selector
from analyzer.formats.msrp_uri import session_id
from analyzer.protocols.sdp.session import Media, Session
from analyzer.session.file_transfers import FileOffer

_CALLS = 16  # of one id; every leg of a call through proxies names it again


class Claims:
    """Ids by the calls whose descriptions name them, at most `keyed_media` ids, the oldest forgotten first."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.faxes: OrderedDict[Address, None] = OrderedDict()  # where T.38 over UDPTL is expected
        self.floors: OrderedDict[Address, None] = OrderedDict()  # where BFCP over UDP is expected
        self.channels: OrderedDict[Address, None] = OrderedDict()  # where SCTP of data channels is expected, in DTLS
        self.files: OrderedDict[str, FileOffer] = OrderedDict()  # by session id (RFC 5547)
        self._calls: OrderedDict[object, dict[str, None]] = OrderedDict()

    def describe(self, call: str, session: Session) -> None:
        """Takes the description of a message, and the `CallState.name` of its call."""
        for media in session.media:
            if media.path:
                self._claim(session_id(media.path[-1]), call)
            if media.path and media.file_selector:
                self._file(media)
            if (
                media.medium == "image"
                and media.proto.upper().endswith("UDPTL")
                and media.ip is not None
                and media.port
            ):
                self._expect(self.faxes, Address(media.ip, media.port))
            if media.is_bfcp and media.proto.upper() == "UDP/BFCP" and media.ip is not None and media.port:
                self._expect(self.floors, Address(media.ip, media.port))
            if "SCTP" in media.proto.upper() and media.ip is not None and media.port:
                self._expect(self.channels, Address(media.ip, media.port))
            if media.is_bfcp and media.confid is not None:
                self._claim((media.confid, media.userid), call)
            if media.ice_ufrag:
                self._claim(ice_fragment(media), call)

    def _file(self, media: Media) -> None:
        sends = {"sendonly": True, "recvonly": False}.get(media.direction)
        self.files[session_id(media.path[-1])] = FileOffer(file_selector.parse(media.file_selector), sends)
        if len(self.files) > self._limits.keyed_media:
            self.files.popitem(last=False)

    def _expect(self, places: OrderedDict[Address, None], address: Address) -> None:
        places[address] = None
        if len(places) > self._limits.keyed_media:
            places.popitem(last=False)

    def udptl(self, endpoints: Endpoints) -> bool:
        """Whether an m-line names one of the two addresses for T.38 over UDPTL."""
        return endpoints.dst in self.faxes or endpoints.src in self.faxes

    def sctp(self, endpoints: Endpoints) -> bool:
        """Whether an m-line names one of the two addresses for data channels (RFC 8841)."""
        return endpoints.dst in self.channels or endpoints.src in self.channels

    def bfcp(self, endpoints: Endpoints) -> bool:
        """Whether an m-line names one of the two addresses for BFCP over UDP."""
        return endpoints.dst in self.floors or endpoints.src in self.floors

    def _claim(self, key: object, call: str) -> None:
        calls = self._calls.setdefault(key, {})
        if len(calls) < _CALLS:
            calls[call] = None
        if len(self._calls) > self._limits.keyed_media:
            self._calls.popitem(last=False)

    def foreign(self, keys: Iterable[object], calls: Iterable[str]) -> bool:
        """Whether another call names one of these ids, and this one names none."""
        own = set(calls)
        claimed = [self._calls[key] for key in keys if key in self._calls]
        return bool(claimed) and not any(own & named.keys() for named in claimed)

    def alone(self, keys: Iterable[object], calls: Iterable[str]) -> bool:
        """Whether this call names each of these ids, and no other one names them all: nothing of that is forgotten."""
        own = set(calls)
        claimed = [self._calls.get(key, {}).keys() for key in keys]
        known = all(own & named and len(named) < _CALLS for named in claimed)
        return known and not set.intersection(*map(set, claimed)) - own


def ice_fragment(media: Media) -> object:
    """What the fragment of a description is claimed as."""
    return "ice", media.ice_ufrag
