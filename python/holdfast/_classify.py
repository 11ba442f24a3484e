"""Which failures pass by themselves, told from the exception alone."""

import enum

from holdfast.errors import Error


class RetryClass(enum.Enum):
    """What may be done about a failure: try again, give up, or try once more and no further."""

    RETRYABLE = "retryable"
    PERMANENT = "permanent"
    DEGRADED = "degraded"


_RETRYABLE_STATUS = frozenset({408, 425, 429, 502, 503, 504})
_PERMANENT = (
    FileNotFoundError,
    FileExistsError,
    PermissionError,
    IsADirectoryError,
    NotADirectoryError,
    ValueError,
)
# Clients whose transport errors do not derive from the built-in ones; by name, so as not to import.
_TRANSIENT_NAMES = frozenset(
    {
        "httpx.TimeoutException",
        "httpx.NetworkError",
        "httpx.RemoteProtocolError",
        "requests.exceptions.Timeout",
        "requests.exceptions.ConnectionError",
        "aiohttp.client_exceptions.ClientConnectionError",
    }
)


def classify(error: Exception) -> RetryClass:
    """What may be done about `error`, as far as that can be told without knowing the operation.

    Holdfast's errors tell themselves. An HTTP status (`status_code`, `response.status_code`,
    `code` or `status`) of 408, 425, 429, 502, 503 or 504 is retryable, 500 degraded, any other
    from 400 permanent. Timeouts and broken connections are retryable, a missing file or permission
    permanent, other operating-system errors degraded. Everything else is permanent.

    >>> classify(ConnectionRefusedError()).value
    'retryable'
    """
    if isinstance(error, Error):
        return RetryClass.RETRYABLE if error.retryable else RetryClass.PERMANENT
    status = _status(error)
    if status is not None:
        if status in _RETRYABLE_STATUS:
            return RetryClass.RETRYABLE
        return RetryClass.DEGRADED if status == 500 else RetryClass.PERMANENT
    if isinstance(error, TimeoutError | ConnectionError):
        return RetryClass.RETRYABLE
    if isinstance(error, _PERMANENT):
        return RetryClass.PERMANENT
    names = {f"{base.__module__}.{base.__qualname__}" for base in type(error).__mro__}
    if names & _TRANSIENT_NAMES:
        return RetryClass.RETRYABLE
    if not isinstance(error, OSError):
        return RetryClass.PERMANENT
    # urllib's URLError wraps what happened.
    reason = _get(error, "reason")
    if isinstance(reason, Exception) and reason is not error:
        return classify(reason)
    return RetryClass.DEGRADED


def _get(target: object, name: str) -> object:
    # A property of a foreign error may raise, which must not hide the error itself.
    try:
        return getattr(target, name, None)
    except Exception:
        return None


def _status(error: Exception) -> int | None:
    response = _get(error, "response")
    for value in (
        _get(error, "status_code"),
        _get(response, "status_code"),
        _get(error, "code"),
        _get(error, "status"),
    ):
        if isinstance(value, int) and 400 <= value <= 599:
            return int(value)
    return None


def retry_after(error: Exception) -> float | None:
    """The seconds that the server asks for by its Retry-After header."""
    for source in (error, _get(error, "response")):
        get = _get(_get(source, "headers"), "get")
        if not callable(get):
            continue
        value = get("Retry-After") or get("retry-after")
        if isinstance(value, str):
            return _seconds(value.strip())
    return None


def _seconds(value: str) -> float | None:
    if value.isdecimal():
        return float(value)
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
