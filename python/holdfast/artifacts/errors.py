"""What can go wrong with an index of artifacts."""

from __future__ import annotations

from ..errors import Error


class ArtifactError(Error):
    """The base of the errors of artifacts."""


class UnknownArtifactError(ArtifactError):
    """There is no artifact with that id; its file may have been removed."""


class ArtifactFileError(ArtifactError):
    """The file of an artifact cannot be read: gone, no regular file, too large, or not UTF-8."""


class SyncRunningError(ArtifactError):
    """Another sync of the folder did not end in time."""

    retryable = True


class MalformedError(ArtifactError, ValueError):
    """Front matter that cannot be read; says where."""
