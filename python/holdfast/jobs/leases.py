"""Who holds the running jobs, and what becomes of the jobs of a holder that is gone.

Each manager that runs jobs is a holder. It renews its lease by counting up its `beat`; others give
it up when they have seen the same beat for the length of the lease by their own monotonic clock, so
that no clock that is set, no suspend and no pause of their own ends a lease.
"""

from __future__ import annotations

import os
import time
from typing import NamedTuple

from ..database import Database
from .models import now
from .presence import Presence, is_gone, this_process
from .store import PATIENCE

#: Seconds between two looks at others that count at most.
GAP = 2.0


class Lost(NamedTuple):
    """A start whose holder is gone, and the state that its job is in now."""

    id: int
    kind: str
    attempt: int
    state: str


# What was claimed and not started yet is not held against a job. SQLite's true is 1.
_AGAIN = """cancel_requested_at is null and queue = kind
    and losses + (:lost and started_at is not null) <= :most"""
_END_RUNNING = f"""
update jobs set
    state = case
        when cancel_requested_at is not null then 'cancelled'
        when {_AGAIN} then 'queued'
        else 'interrupted'
    end,
    ready = case when {_AGAIN} then 1 end,
    finished_at = case when not ({_AGAIN}) then :at end,
    started_at = case when not ({_AGAIN}) then started_at end,
    error = case when cancel_requested_at is null then :error end,
    losses = losses + (:lost and started_at is not null), holder = null, seen_at = :at
where holder = :holder returning id, kind, attempt, state
"""
# Functions that wait for a holder that is gone, or that did not know yet that it was given up.
_WAITING = """ready = 1 and queue >= 'holder:' and queue < 'holder;'
    and not exists (select 1 from job_holders where 'holder:' || id = queue)"""
_END_WAITING = f"""
update jobs set state = 'interrupted', ready = null, finished_at = :at, seen_at = :at,
    error = 'the process that could run it ended'
where {_WAITING} returning id, kind, attempt, state
"""

_END_LATER = """
update jobs set state = 'interrupted', ready = null, finished_at = :at, seen_at = :at,
    error = 'the process that could run it ended'
where ready = 0 and queue = :queue returning id, kind, attempt, state
"""


#: Functions that only their process could run carry its holder in `queue`.
def own_queue(holder: int) -> str:
    """Return the queue of what only one holder can run."""
    return f"holder:{holder}"


class Leases:
    """The lease of one manager, and its eye on those of others."""

    def __init__(self, db: Database, lease: float, restarts: int) -> None:
        self._db = db
        self._lease = lease
        self._restarts = restarts
        self._here = this_process()
        self._seen: dict[int, tuple[int, float]] = {}
        self._looked = 0.0
        self.holder = _new_id()

    def register(self, holder: int | None = None) -> None:
        """Become a holder."""
        self._db.insert(
            "job_holders",
            {
                "id": self.holder if holder is None else holder,
                "machine": self._here.machine,
                "pid": self._here.pid,
                "pid_started": self._here.started,
                "lease": self._lease,
                "seen_at": now(),
            },
            timeout=PATIENCE,
        )

    def register_anew(self) -> None:
        """Become another holder, so that what was lost stays lost."""
        holder = _new_id()
        self.register(holder)
        self.holder = holder

    def beat(self) -> bool:
        """Renew the lease; False when it is lost. Raises when the database cannot be written."""
        try:
            with self._db.transaction(timeout=PATIENCE) as tx:
                at = now()
                kept = tx.execute(
                    "update job_holders set beat = beat + 1, seen_at = ? where id = ?",
                    [at, self.holder],
                )
                if kept:
                    tx.execute(
                        "update jobs set seen_at = ? where holder = ?",
                        [at, self.holder],
                    )
        except Exception:
            # Others may be kept from renewing theirs by the same thing.
            self._seen.clear()
            raise
        return bool(kept)

    def leave(self) -> list[Lost]:
        """Give up being a holder, and all that is still held."""
        return self._end(self.holder, None, losses=0)

    def end_of_the_gone(self) -> list[Lost]:
        """End the leases of holders that are gone; what has become of their jobs."""
        ended: list[Lost] = []
        holders = self._db.fetch_all(
            "select id, beat, lease, machine, pid, pid_started from job_holders where id <> ?",
            [self.holder],
        )
        seen, self._seen = self._seen, {}
        moment = time.monotonic()
        # Not the time for which this process was held up itself, as others may have been too.
        passed = min(moment - self._looked, GAP)
        self._looked = moment
        for holder, beat, lease, *process in holders:
            last, silent = seen.get(holder, (None, 0.0))
            silent = silent + passed if last == beat else 0.0
            if is_gone(Presence(*process), self._here) or silent > lease:
                ended += self._end(holder, beat, losses=1)
            else:
                self._seen[holder] = (beat, silent)
        if self._db.fetch_one(f"select 1 from jobs where {_WAITING} limit 1"):
            waiting = self._db.fetch_all(_END_WAITING, {"at": now()}, timeout=PATIENCE)
            ended += [Lost(*row) for row in waiting]
        return ended

    def _end(self, holder: int, beat: int | None, *, losses: int) -> list[Lost]:
        with self._db.transaction(timeout=PATIENCE) as tx:
            # Not one that has renewed its lease in the meantime.
            if not tx.execute(
                "delete from job_holders where id = ? and beat = coalesce(?, beat)", [holder, beat]
            ):
                return []
            at = now()
            values = {
                "most": self._restarts,
                "lost": losses,
                "at": at,
                "holder": holder,
                "error": "its process ended" if losses else "its manager was shut down",
            }
            ended = tx.fetch_all(_END_RUNNING, values)
            ended += tx.fetch_all(_END_WAITING, {"at": at})
            ended += tx.fetch_all(_END_LATER, {"at": at, "queue": own_queue(holder)})
        return [Lost(*row) for row in ended]


def _new_id() -> int:
    return int.from_bytes(os.urandom(8)) >> 2
