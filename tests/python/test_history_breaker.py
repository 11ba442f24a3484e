"""The circuit breaker, by a clock that the test sets."""

import threading

import pytest

from holdfast.history import BreakerState, CircuitBreaker
from holdfast.history import breaker as breaker_module


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> CircuitBreaker:
    monkeypatch.setattr(breaker_module, "monotonic", clock)
    return CircuitBreaker()


def fail(breaker: CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        assert breaker.allows()
        breaker.failed()


def test_it_opens_after_five_failures_in_a_row(breaker: CircuitBreaker) -> None:
    fail(breaker, 4)
    assert (breaker.state, breaker.failures) == (BreakerState.CLOSED, 4)
    assert breaker.remaining == 0.0
    fail(breaker)
    assert breaker.state is BreakerState.OPEN
    assert not breaker.allows()


def test_a_success_ends_the_row(breaker: CircuitBreaker) -> None:
    fail(breaker, 4)
    breaker.succeeded()
    fail(breaker, 4)
    assert breaker.state is BreakerState.CLOSED


def test_it_is_open_for_sixty_seconds(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 5)
    clock.now += 59.9
    assert not breaker.allows()
    assert breaker.remaining == pytest.approx(0.1)
    clock.now += 0.1
    assert breaker.remaining == 0.0
    assert breaker.state is BreakerState.OPEN
    assert breaker.allows()
    assert breaker.state is BreakerState.HALF_OPEN


def test_one_caller_tries_while_the_others_wait(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 5)
    clock.now += 60
    tried = [breaker.allows() for _ in range(3)]
    assert tried == [True, False, False]


def test_of_many_threads_one_tries(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 5)
    clock.now += 60
    ready, tried = threading.Barrier(8), list[bool]()

    def look() -> None:
        ready.wait()
        tried.append(breaker.allows())

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(tried) == [False] * 7 + [True]


def test_a_try_that_works_closes_it(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 5)
    clock.now += 60
    assert breaker.allows()
    breaker.succeeded()
    assert (breaker.state, breaker.failures) == (BreakerState.CLOSED, 0)
    fail(breaker, 4)
    assert breaker.state is BreakerState.CLOSED


def test_a_try_that_fails_opens_it_for_as_long_again(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 5)
    clock.now += 70
    fail(breaker)
    assert (breaker.state, breaker.failures) == (BreakerState.OPEN, 6)
    assert breaker.remaining == 60
    clock.now += 60
    assert breaker.allows()


def test_a_try_whose_end_is_never_told_gives_way(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 5)
    clock.now += 60
    assert breaker.allows()
    clock.now += 59
    assert not breaker.allows()
    clock.now += 1
    assert breaker.allows()


def test_what_fails_late_does_not_prolong_it(breaker: CircuitBreaker, clock: Clock) -> None:
    for _ in range(6):
        assert breaker.allows()
    fail(breaker, 5)
    clock.now += 30
    breaker.failed()
    assert breaker.remaining == 30


def test_what_works_late_closes_it(breaker: CircuitBreaker) -> None:
    fail(breaker, 5)
    breaker.succeeded()
    assert breaker.state is BreakerState.CLOSED


def test_a_reset_forgets_what_has_failed(breaker: CircuitBreaker) -> None:
    fail(breaker, 5)
    assert repr(breaker) == "CircuitBreaker(open, 5 failures)"
    breaker.reset()
    assert repr(breaker) == "CircuitBreaker(closed, 0 failures)"
    fail(breaker, 4)
    assert breaker.state is BreakerState.CLOSED


@pytest.mark.parametrize("failures", [0, -1, 1.5, "5", None])
def test_failures_that_make_no_sense_are_refused(failures: object) -> None:
    with pytest.raises(ValueError, match=r"^failures is a number from 1, not "):
        CircuitBreaker(failures=failures)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("seconds", [0, -1.0, float("inf"), float("nan"), 10**400, "60", None])
def test_seconds_that_make_no_sense_are_refused(seconds: object) -> None:
    with pytest.raises(ValueError, match=r"^seconds is a number above 0, not "):
        CircuitBreaker(seconds=seconds)  # pyright: ignore[reportArgumentType]
