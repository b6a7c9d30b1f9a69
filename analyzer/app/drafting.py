"""The draft of a topology file from the captures of a run."""

from collections.abc import Callable, Iterable

from analyzer.core.addresses import parse_ip
from analyzer.pipeline.closing import ClosedCall
from analyzer.pipeline.engine import Engine
from analyzer.session.drafting import Sketch, Traffic, complete, spoken
from analyzer.session.topology import Topology


def watching(sketch: Sketch) -> Callable[[ClosedCall], None]:
    """What shows a sketch each call of a run as it closes."""
    return lambda closed: sketch.take(closed.call)


def drafted(engine: Engine, sketch: Sketch, media: Iterable[str]) -> Topology:
    """Where every host of a run stands, as far as anything tells; `media` are the ends of its streams as text."""
    connections, observations = tuple(engine.connections.all()), engine.signalling.observations
    ends = (parse_ip(end.rpartition(":")[0]) for end in media)
    hosts = spoken(connections, filter(None, ends), observations.hosts())
    messaging = engine.messaging
    traffic = Traffic(hosts, tuple(messaging.msrp_sessions.all()), tuple(messaging.bfcp_sessions.all()), connections)
    return complete(observations.topology(), sketch, traffic)
