"""What can go wrong with runs."""

from __future__ import annotations

from ..errors import Error


class RunError(Error):
    """The base of the errors of runs."""


class UnknownRunError(RunError):
    """There is no run with that id; it may have been deleted."""


class LegacySchemaError(RunError):
    """A table of the old schema is not as the mapping needs it; says what it lacks."""


class UnmappableError(RunError):
    """A row of the old schema that the new one cannot hold; says why. The row stays where it is.

    `legacy_id` is the id of the row.
    """

    legacy_id: int | None = None


class RunPhaseError(RunError):
    """Something that cannot be done before the cutover, or after it; says what is in the way."""


class CutoverRefusedError(RunError):
    """Something is in the way of the cutover: it says what, and counts it."""

    mismatches: int = 0
    pending: int = 0
    unmapped: int = 0
