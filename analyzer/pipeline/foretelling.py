"""What already fails of that which is judged at the end only: told in a live view as soon as it is quiet.

Registrations last for hours, connections and conferences end when nobody can know it. What fails of them on the
evidence so far fails on more of it, too: it is told ahead, and counted when it is judged.
"""

from functools import partial

from analyzer.pipeline.closing import Closer, connection_place, registration_place
from analyzer.pipeline.conference_rows import conference_entities
from analyzer.pipeline.esp import EspHandler
from analyzer.pipeline.esp_rows import esp_entities, esp_place
from analyzer.pipeline.judge import Judge
from analyzer.session.connection_entities import connection_entity
from analyzer.session.connections import ConnectionTable
from analyzer.session.placement import Placement
from analyzer.session.registration_entities import registration_entity
from analyzer.session.registrations import Registrations

_Version = tuple[object, ...]


class Foretelling:
    """Looks at what changed since it was looked at last."""

    def __init__(self, judge: Judge, linger_ns: int) -> None:
        self._judge = judge
        self._linger_ns = linger_ns
        self._seen: dict[tuple[str, int], _Version] = {}

    def look(
        self,
        now_ns: int,
        registrations: Registrations,
        connections: ConnectionTable,
        closer: Closer,
        esp: EspHandler,
        placement: Placement,
    ) -> None:
        """Tells what fails by now of registrations that are quiet, of handshakes and associations, of conferences as
        their calls close."""
        seen: dict[tuple[str, int], _Version] = {}
        for binding in registrations.all():
            quiet = max((cite.ts_ns for cite in binding.cites), default=now_ns) + self._linger_ns <= now_ns
            version: _Version = (binding.requests, binding.outcome) if quiet else ()
            if self._changed(seen, ("registration", binding.ordinal), version):
                place = partial(registration_place, binding, placement)
                self._judge.foretell("registration", registration_entity(binding, placement), place)
        for connection in connections.all():
            version = (connection.tls_version, connection.tls_cipher) if connection.tls_version else ()
            if self._changed(seen, ("connection", connection.ordinal), version):
                tls = connection_entity(connection, placement)
                self._judge.foretell("tls_connection", tls, partial(connection_place, tls))
        for number, (sa_id, sa) in enumerate(esp_entities(esp, placement, registrations)):
            version = (sa.cipher, sa.auth, sa.agreed, sa.stray, sa.replayed > 0, sa.reused > 0, sa.restarted > 0)
            if self._changed(seen, ("esp", number), version):
                self._judge.foretell("esp_sa", sa, partial(esp_place, sa_id, sa))
        for state in closer.conferences.all():
            if self._changed(seen, ("conference", state.ordinal), (len(state.joined), len(state.refers), state.cites)):
                for kind, entity, where in conference_entities(state):
                    self._judge.foretell(kind, entity, where)
        self._seen = seen

    def _changed(self, seen: dict[tuple[str, int], _Version], key: tuple[str, int], version: _Version) -> bool:
        known = self._seen.get(key, ())
        seen[key] = version or known
        return bool(version) and version != known
