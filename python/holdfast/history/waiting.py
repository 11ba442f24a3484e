"""Records that wait to be written: put in by any thread without a lock, taken out by one."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import repeat

from .models import PromptHistory

#: Characters that a place is for.
LARGE = 16_384


def places_of(record: PromptHistory) -> int:
    """How many places a record takes, for all that it has of texts and names."""
    # Written out: an event loop waits for it, and a loop over the texts takes twice as long.
    characters = (
        len(record.original_idea)
        + len(record.improved_prompt)
        + len(record.context)
        + len(record.role)
        + len(record.directive)
        + len(record.framework)
        + len(record.model)
        + len(record.provider)
    )
    if record.guardrails:
        characters += len(record.guardrails) + sum(map(len, record.guardrails))
    if record.reasoning:
        characters += len(record.reasoning)
    if record.conversation_id:
        characters += len(record.conversation_id)
    return 1 + characters // LARGE


class Mark:
    """A place in the queue; `told` is called once, with whether all before it was written."""

    __slots__ = ("_told",)

    def __init__(self, told: Callable[[bool], object]) -> None:
        self._told: list[Callable[[bool], object]] = [told]

    @property
    def is_told(self) -> bool:
        """Whether anything was said."""
        return not self._told

    def tell(self, written: bool) -> None:
        """Say what became of what was before it; the first time counts."""
        try:
            told = self._told.pop()
        except IndexError:
            return
        told(written)


class Waiting:
    """A bounded queue of records for one thread that sleeps most of the time.

    Putting one in takes no lock and no object of an event loop. It wakes the thread only where
    that has nothing to do, or where as many as `crowd` have come together. A record has a place for
    each `LARGE` characters that it has or begins, so that the memory of the queue is bounded too.
    """

    __slots__ = ("_bell", "_crowd", "_items", "_marks", "_places", "_resting", "_taken", "size")

    def __init__(self, size: int, crowd: int) -> None:
        self.size = size
        self._crowd = crowd
        self._items: deque[PromptHistory | Mark] = deque()
        # Taking a place is one step for all threads, so the bound holds without a lock.
        self._places = deque(repeat(None, size))
        self._marks: deque[Mark] = deque()
        self._taken = 0
        self._resting = False
        self._bell = threading.Lock()
        self._bell.acquire()

    def __len__(self) -> int:
        """How many records wait, about where some are put in or taken out at the moment."""
        return max(0, len(self._items) - len(self._marks)) + self._taken

    @property
    def is_empty(self) -> bool:
        """Whether no record waits."""
        return len(self._places) == self.size

    def put(self, record: PromptHistory) -> bool:
        """Add a record; False where there is no place for it."""
        wanted = places_of(record)
        try:
            self._places.pop()
        except IndexError:
            return False
        if wanted > 1 and not self._take_places(min(wanted, self.size) - 1):
            self._free(1)
            return False
        self._items.append(record)
        if self._resting or len(self._items) == self._crowd:
            self._resting = False
            self.ring()
        return True

    def _take_places(self, wanted: int) -> bool:
        for number in range(wanted):
            try:
                self._places.pop()
            except IndexError:
                self._free(number)
                return False
        return True

    def _free(self, number: int) -> None:
        self._places.extend(repeat(None, number))

    def mark(self, mark: Mark) -> None:
        """Add a mark, and have the thread come to it soon."""
        self._marks.append(mark)
        self._items.append(mark)
        self.ring()

    def ring(self) -> None:
        """Wake the thread, or keep it from its next sleep."""
        # An error: it was rung, and not heard yet.
        with suppress(RuntimeError):
            self._bell.release()

    # For the one thread

    @property
    def is_urgent(self) -> bool:
        """Whether there is no use in waiting for more."""
        return bool(self._marks) or len(self._items) >= self._crowd

    @property
    def is_crowded(self) -> bool:
        """Whether it is half full."""
        return len(self._places) < self.size // 2

    def take(self, most: int) -> list[PromptHistory]:
        """Take the oldest records out, up to the next mark; they keep their places until `free`."""
        items, taken = self._items, list[PromptHistory]()
        while items and len(taken) < most:
            first = items[0]
            if isinstance(first, Mark):
                break
            self._taken += 1
            taken.append(first)
            items.popleft()
        return taken

    def free(self, *records: PromptHistory) -> None:
        """Give back the places of records that are dealt with."""
        self._taken -= len(records)
        self._free(sum(min(places_of(record), self.size) for record in records))

    def reach(self) -> None:
        """Tell the marks that come next that all before them was written."""
        while self._items and isinstance(mark := self._items[0], Mark):
            self._items.popleft()
            self._marks.remove(mark)
            mark.tell(True)

    def disappoint(self) -> None:
        """Tell all marks that what is before them cannot be written now."""
        for mark in self._marks.copy():
            mark.tell(False)

    def sweep(self) -> None:
        """Take out the marks that were told: where nothing is written, they would become many."""
        items, kept = self._items, list[PromptHistory | Mark]()
        records = 0
        for _ in range(len(items) if self._marks else 0):
            if isinstance(item := items[0], Mark):
                if item.is_told:
                    self._marks.remove(item)
                else:
                    kept.append(item)
            else:
                # It is still counted.
                self._taken += 1
                records += 1
                kept.append(item)
            items.popleft()
        items.extendleft(reversed(kept))
        self._taken -= records

    def rest(self, timeout: float | None) -> None:
        """Sleep until a record comes, or somebody rings, or `timeout` seconds are over."""
        self._resting = True
        if not self._items:
            self._sleep(timeout)
        self._resting = False

    def gather(self, timeout: float) -> None:
        """Sleep for `timeout` seconds, or until somebody rings; single records do not."""
        self._sleep(timeout)

    def _sleep(self, timeout: float | None) -> None:
        self._bell.acquire(timeout=-1 if timeout is None else min(timeout, threading.TIMEOUT_MAX))
