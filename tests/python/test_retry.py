import asyncio
import contextlib
import doctest
import email.utils
import http.client
import importlib
import logging
import socket
import time
import urllib.error
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from holdfast import RetryClass, RetryPolicy, RetryStats, errors, retry, retry_async
from holdfast._classify import classify

R, P, D = RetryClass.RETRYABLE, RetryClass.PERMANENT, RetryClass.DEGRADED
EVEN = RetryPolicy(attempts=4, jitter=0.0)


class Busy(errors.BusyError):
    retryable = True


class Answer(Exception):
    """An HTTP client's error; each client keeps the status and the headers elsewhere."""

    def __init__(self, headers: dict[str, str] | None = None, **where: object) -> None:
        super().__init__("the server said no")
        self.headers = headers or {}
        self.__dict__.update(where)


def never(seconds: float) -> None:
    pytest.fail(f"slept {seconds} s")


def at_once(seconds: float) -> None:
    assert seconds >= 0


def failing(*failures: Exception) -> Callable[[], str]:
    left = list(failures)

    def fn() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return fn


def test_progression_and_jitter() -> None:
    assert list(RetryPolicy(attempts=6).progression()) == [0.1, 0.2, 0.4, 0.8, 1.6]
    assert list(RetryPolicy(attempts=1).delays()) == []
    policy = RetryPolicy(attempts=4, max_delay=0.45)
    draws = [list(policy.delays()) for _ in range(2000)]
    for draw in draws:
        for delay, middle in zip(draw, (0.1, 0.2, 0.4), strict=True):
            assert middle * 0.5 <= delay <= min(middle * 1.5, 0.45)
    assert sum(draw[0] < 0.075 for draw in draws) > 300
    assert sum(draw[0] > 0.125 for draw in draws) > 300


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("attempts", 0),
        ("attempts", 1.5),
        ("attempts", True),
        ("min_delay", -1),
        ("min_delay", "1"),
        ("max_delay", 0.05),
        ("max_delay", float("inf")),
        ("factor", 0.5),
        ("factor", float("nan")),
        ("jitter", 1.1),
        ("deadline", -1),
        ("deadline", None),
    ],
)
def test_validation_names_the_field(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^{name}"):
        RetryPolicy(**{name: value})  # pyright: ignore[reportArgumentType]


def test_attempts_delays_and_result() -> None:
    slept: list[float] = []
    assert retry(failing(TimeoutError(), Busy()), EVEN, sleep=slept.append) == "done"
    assert slept == [0.1, 0.2]


def test_giving_up_raises_the_last_exception_with_a_note() -> None:
    slept: list[float] = []
    last = TimeoutError("last")
    with pytest.raises(TimeoutError) as caught:
        retry(failing(*[TimeoutError()] * 3, last), EVEN, sleep=slept.append)
    assert caught.value is last
    assert last.__notes__ == ["gave up after 4 attempts over 0.0 s"]
    assert last.__context__ is None
    assert slept == [0.1, 0.2, 0.4]


def test_permanent_at_once_and_degraded_once_more() -> None:
    for failures, delays in (
        ([KeyError()], 0),
        ([Busy(), KeyError()], 1),
        ([OSError()] * 2, 1),
        ([OSError(), Busy()], 1),
        ([Busy(), OSError(), OSError()], 2),
    ):
        slept: list[float] = []
        with pytest.raises(type(failures[-1])):
            retry(failing(*failures, *[Busy()] * 5), EVEN, sleep=slept.append)
        assert len(slept) == delays, failures
    error = KeyError()
    with pytest.raises(KeyError):
        retry(failing(error), sleep=slept.append)
    assert not hasattr(error, "__notes__")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_interruptions_are_never_caught(kind: type[BaseException]) -> None:
    def fn() -> None:
        raise kind

    with pytest.raises(kind):
        retry(fn, classify=lambda _: R, sleep=never)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Busy(), R),
        (errors.IntegrityError(), P),
        (errors.TimeoutError(), P),
        (TimeoutError(), R),
        (ConnectionRefusedError(), R),
        (ConnectionResetError(), R),
        (FileNotFoundError(), P),
        (PermissionError(), P),
        (ValueError(), P),
        (RuntimeError(), P),
        (OSError(5, "input/output error"), D),
        (socket.gaierror(), D),
        (urllib.error.URLError(ConnectionRefusedError()), R),
        (urllib.error.URLError("no host given"), D),
        (urllib.error.HTTPError("", 503, "", http.client.HTTPMessage(), None), R),
        (Answer(status_code=429), R),
        (Answer(response=SimpleNamespace(status_code=504)), R),
        (Answer(status=408), R),
        (Answer(status_code=500), D),
        (Answer(code=401), P),
        (Answer(code=1006), P),
        (Answer(code="503"), P),
    ],
    ids=repr,
)
def test_built_in_classes(error: Exception, expected: RetryClass) -> None:
    assert classify(error) is expected


def test_clients_are_known_by_name() -> None:
    timeout = type("Timeout", (OSError,), {"__module__": "requests.exceptions"})
    assert classify(type("ReadTimeout", (timeout,), {})()) is R


def test_a_property_that_raises_does_not_hide_the_error() -> None:
    class Awkward(Exception):
        @property
        def response(self) -> object:
            raise RuntimeError("not yet")

    assert classify(Awkward()) is P


def test_own_classifier_comes_first_and_may_pass() -> None:
    def decide(error: Exception) -> RetryClass | None:
        return R if isinstance(error, LookupError) else None

    slept: list[float] = []
    with pytest.raises(ValueError):
        retry(failing(KeyError(), ValueError()), EVEN, classify=decide, sleep=slept.append)
    assert slept == [0.1]


def test_retry_after_gives_the_delay_within_the_deadline() -> None:
    date = email.utils.formatdate(time.time() + 20, usegmt=True)
    past = email.utils.formatdate(time.time() - 20, usegmt=True)
    failures = [
        Answer({"Retry-After": "7"}, code=429),
        Answer(response=SimpleNamespace(status_code=503, headers={"retry-after": date})),
        Answer({"Retry-After": past}, code=503),
        Answer({"Retry-After": "soon"}, code=503),
    ]
    slept: list[float] = []
    policy = RetryPolicy(attempts=5, jitter=0.0)
    assert retry(failing(*failures), policy, sleep=slept.append) == "done"
    assert slept == [7.0, pytest.approx(19, abs=1.5), 0.0, 0.8]
    with pytest.raises(Answer):
        retry(failing(Answer({"Retry-After": "31"}, code=429)), policy, sleep=never)


def test_deadline_counts_attempts_and_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0

    def monotonic() -> float:
        return now

    def pass_time(seconds: float) -> None:
        nonlocal now
        now += seconds

    def fn() -> None:
        pass_time(0.3)
        raise TimeoutError

    module = importlib.import_module("holdfast._retry")
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=monotonic))
    policy = RetryPolicy(attempts=9, jitter=0.0, deadline=1.2)
    with pytest.raises(TimeoutError) as caught:
        retry(fn, policy, sleep=pass_time)
    assert caught.value.__notes__ == ["gave up after 3 attempts over 1.2 s"]


def test_stats() -> None:
    stats = RetryStats()
    assert stats.rate == 0.0
    for failures in ([], [KeyError()], [Busy()], [Busy()] * 4):
        with contextlib.suppress(KeyError, Busy):
            retry(failing(*failures), EVEN, sleep=at_once, stats=stats)
    assert stats == RetryStats(operations=4, attempts=8, recovered=1, gave_up=1)
    assert stats.rate == 0.5


def test_log_holds_no_values(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "holdfast.retry")
    with pytest.raises(TimeoutError):
        retry(failing(*[TimeoutError("secret")] * 2), RetryPolicy(2, jitter=0), sleep=at_once)
    assert [record.getMessage() for record in caplog.records] == [
        "attempt 1 failed (TimeoutError, retryable), next in 0.100 s",
        "gave up after 2 attempts over 0.0 s (TimeoutError, retryable)",
    ]


def test_async() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    def awaited(*failures: Exception) -> Callable[[], "asyncio.Future[str]"]:
        step = failing(*failures)

        async def fn() -> str:
            return step()

        return lambda: asyncio.ensure_future(fn())

    async def main() -> None:
        stats = RetryStats()
        assert await retry_async(awaited(Busy()), EVEN, sleep=sleep, stats=stats) == "done"
        with pytest.raises(ValueError):
            await retry_async(awaited(ValueError()), EVEN)
        assert await retry_async(awaited(Busy()), RetryPolicy(min_delay=0.0)) == "done"
        waiting = asyncio.ensure_future(retry_async(awaited(Busy()), RetryPolicy(min_delay=5.0)))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (stats.operations, stats.recovered) == (1, 1)

    asyncio.run(main())
    assert slept == [0.1]


@pytest.mark.parametrize("name", ["holdfast._retry", "holdfast._classify"])
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0 and result.failed == 0
