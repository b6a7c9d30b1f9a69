"""Which peer a TURN channel stands for, so that relayed payloads can be read as packets of their own."""

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.anomalies import Anomaly, define
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.protocols.stun.message import (
    CHANNEL_BIND,
    DATA_METHOD,
    INDICATION,
    REQUEST,
    SEND,
    SUCCESS,
    ChannelData,
    StunMessage,
)

EVICTED = define("turn.channels_limit", Severity.LOW, "More TURN channels than are remembered; the oldest is forgotten")
_UDP = 17


@frozen
class _Binding:
    peer: Address
    confirmed: bool


class TurnTable:
    """Channel bindings of RFC 8656 12, at most `Limits.turn_channels` of them and as many unanswered requests.

    A binding holds from its request on, since its answer may be missing from the capture; a refusal revokes it.
    """

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.turn_channels
        self._bound: dict[tuple[Endpoints, int], _Binding] = {}
        self._asked: dict[tuple[Endpoints, bytes], tuple[int, Address]] = {}
        self._evicted: tuple[Cite, ...] | None = None
        self._announced = False

    def __len__(self) -> int:
        return len(self._bound)

    def drain(self) -> list[Anomaly]:
        """The announcement, once in a table's life, that the bound was hit."""
        if self._evicted is None or self._announced:
            return []
        self._announced = True
        return [Anomaly(EVICTED, self._evicted, f"{self._limit} channels")]

    def unwrap(self, endpoints: Endpoints, message: StunMessage | ChannelData) -> tuple[Endpoints, bytes] | None:
        """The relayed payload, in the direction it travels between the client's endpoint and the peer.

        `endpoints` is the direction of the datagram. None: nothing is relayed here, or the channel is not known.
        Every message is to be given, in capture order: ChannelBind is learned here.
        """
        if isinstance(message, ChannelData):
            return self._channel_data(endpoints, message)
        if message.method == CHANNEL_BIND:
            self._learn(endpoints, message)
            return None
        if message.message_class != INDICATION or message.data is None or not message.peers:
            return None
        peer = message.peers[0]
        if message.method == SEND:
            return Endpoints(endpoints.src, peer, _UDP), message.data
        if message.method == DATA_METHOD:
            return Endpoints(peer, endpoints.dst, _UDP), message.data
        return None

    def _channel_data(self, endpoints: Endpoints, message: ChannelData) -> tuple[Endpoints, bytes] | None:
        binding = self._bound.get((endpoints, message.channel))
        if binding:
            return Endpoints(endpoints.src, binding.peer, _UDP), message.data
        binding = self._bound.get((endpoints.reverse, message.channel))
        return (Endpoints(binding.peer, endpoints.dst, _UDP), message.data) if binding else None

    def _learn(self, endpoints: Endpoints, message: StunMessage) -> None:
        if message.message_class == REQUEST:
            if message.channel is None or not message.peers:
                return
            asked = message.channel, message.peers[0]
            self._asked[endpoints, message.transaction] = asked
            self._bound.setdefault((endpoints, asked[0]), _Binding(asked[1], confirmed=False))
        else:
            answered = self._asked.pop((endpoints.reverse, message.transaction), None)
            if answered is None:
                return
            channel, peer = answered
            key = endpoints.reverse, channel
            if message.message_class == SUCCESS:
                self._bound[key] = _Binding(peer, confirmed=True)
            elif self._bound.get(key) == _Binding(peer, confirmed=False):
                del self._bound[key]
        self._bound_size(message.cites)

    def _bound_size(self, cites: tuple[Cite, ...]) -> None:
        if len(self._bound) > self._limit:
            del self._bound[next(iter(self._bound))]
            self._evicted = self._evicted or cites
        if len(self._asked) > self._limit:
            del self._asked[next(iter(self._asked))]
            self._evicted = self._evicted or cites
