"""Upkeep that takes many steps, so that others may write between them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .database import Database
    from .reports import VacuumStats


def vacuum_in_cycles(
    db: Database,
    pages: int,
    *,
    timeout: float | None = None,
    go_on: Callable[[VacuumStats], bool] = lambda _: True,
) -> VacuumStats:
    """Give all free pages back to the file system, `pages` at a time; others write in between.

    After each cycle `go_on` is asked, with what was done so far; `timeout` is in seconds, for each
    cycle. Raises what `Database.vacuum` raises: what was given back by then stays so.

    >>> vacuum_in_cycles(db, 200).free_after
    0
    """
    whole = last = db.vacuum(pages, timeout=timeout)
    while last.reclaimed and last.free_after and go_on(whole):
        last = db.vacuum(pages, timeout=timeout)
        whole = last._replace(
            size_before=whole.size_before,
            free_before=whole.free_before,
            reclaimed=whole.reclaimed + last.reclaimed,
            seconds=whole.seconds + last.seconds,
        )
    return whole
