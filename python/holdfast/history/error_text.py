"""What is told of errors: to people who read the log, and to whoever asks for the health."""

from __future__ import annotations

import traceback

from ..errors import Error


def kind_of(error: BaseException) -> str:
    """What an error is called, that of the database where there is one."""
    cause = error.__cause__ if isinstance(error.__cause__, Error) else error
    name = cause.sqlite_errorname if isinstance(cause, Error) else None
    return type(cause).__name__ + (f" ({name})" if name else "")


def said(error: BaseException) -> str:
    """What an error says; of one that is not Holdfast's only where it was raised.

    Those of others may quote what they were given, and a log is no place for prompts.
    """
    if isinstance(error, Error):
        return f"{kind_of(error)}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
