"""apsw without BEGIN and COMMIT around a one-row write: SQLite's own autocommit."""

from ..data import WRITE
from . import Write, apsw_


class Peer(apsw_.Peer):
    def writer(self) -> Write:
        execute = self.db.execute
        return lambda key, body: execute(WRITE, (key, body))
