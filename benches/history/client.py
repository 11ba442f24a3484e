"""A client: connections that are kept alive, with one request at a time on each.

An answer takes it some 20 us, a fraction of what it takes the service.
"""

from __future__ import annotations

import random
import select
import socket
from array import array
from collections.abc import Iterator
from itertools import cycle

from peers.timing import clock

from .texts import requests

#: Connections, and how many of them are used where the next request follows the last answer.
CONNECTIONS, BUSY = 64, 8
#: Nanoseconds before a request is due, from which on the client watches the clock.
WATCH = 200_000
#: Seconds without any answer.
PATIENCE = 30.0
#: Different requests; after the last comes the first again.
DIFFERENT = 1000


class Connection:
    """One connection, and when what was asked on it was due."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0
        self._got = b""

    def fileno(self) -> int:
        return self.socket.fileno()

    def ask(self, request: bytes, due: int) -> None:
        """Send a request."""
        self.due = due
        self.socket.sendall(request)

    def has_answered(self) -> bool:
        """Read what is there; whether the answer is whole. Raises for any but 200."""
        part = self.socket.recv(65536)
        if not part:
            raise ConnectionError("the service has closed a connection")
        self._got += part
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not found:
            return False
        _, _, rest = head.lower().partition(b"content-length:")
        if len(body) < int(rest.split(b"\r\n", 1)[0]):
            return False
        if not head.startswith(b"HTTP/1.1 200 "):
            raise AssertionError(f"the service said {self._got[:200]!r}")
        self._got = b""
        return True


class Client:
    """Asks a service on this machine."""

    def __init__(self, port: int) -> None:
        self.connections = [Connection(port) for _ in range(CONNECTIONS)]
        self.requests: Iterator[bytes] = cycle(requests(DIFFERENT))
        self.asked = 0

    def _answers(self, busy: set[Connection], seconds: float) -> list[tuple[Connection, int]]:
        """Those that have answered within some time, and when."""
        ready, _, _ = select.select(busy, (), (), seconds)
        now = clock()
        if not ready and seconds == PATIENCE:
            raise TimeoutError(f"no answer for {PATIENCE:.0f} s")
        done = [(each, now) for each in ready if each.has_answered()]
        busy.difference_update(each for each, _ in done)
        return done

    def at_times(self, times: list[int]) -> array[int]:
        """Ask at these times, in nanoseconds from now, whether others were answered or not.

        How long each answer took from when its request was due; waiting for a connection counts.
        """
        free, busy = self.connections.copy(), set[Connection]()
        took, begun, next_ = array("Q"), clock(), 0
        while len(took) < len(times):
            now = clock()
            while free and next_ < len(times) and now >= begun + times[next_]:
                connection = free.pop()
                connection.ask(next(self.requests), begun + times[next_])
                busy.add(connection)
                next_ += 1
            wait = PATIENCE
            if free and next_ < len(times):
                wait = max(0, begun + times[next_] - clock() - WATCH) / 1e9
            for connection, at in self._answers(busy, wait):
                took.append(at - connection.due)
                free.append(connection)
        self.asked += len(times)
        return took

    def in_turn(self, count: int) -> float:
        """Ask again on each of some connections once it has answered; the seconds that took."""
        begun, left = clock(), count
        busy = set[Connection]()
        for connection in self.connections[:BUSY]:
            if left:
                left -= 1
                connection.ask(next(self.requests), begun)
                busy.add(connection)
        while busy:
            for connection, now in self._answers(busy, PATIENCE):
                if left:
                    left -= 1
                    connection.ask(next(self.requests), now)
                    busy.add(connection)
        self.asked += count
        return (clock() - begun) / 1e9

    def close(self) -> None:
        for each in self.connections:
            each.socket.close()


def arrivals(count: int, rate: float, seed: int) -> list[int]:
    """When requests are due, in nanoseconds: as independent clients send them, so many a second."""
    rng, at, found = random.Random(seed), 0.0, list[int]()
    for _ in range(count):
        at += rng.expovariate(rate)
        found.append(int(at * 1e9))
    return found
