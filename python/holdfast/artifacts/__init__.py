"""An index of markdown files with front matter: filters, facets, full-text search.

>>> _ = (folder / "plan.md").write_text("---\\nstatus: done\\n---\\n# The plan\\n")
>>> with ArtifactIndex(folder / "artifacts.db", folder) as index:
...     index.query(status="done").items[0].title
'The plan'
"""

from .errors import (
    ArtifactError,
    ArtifactFileError,
    MalformedError,
    SyncRunningError,
    UnknownArtifactError,
)
from .front_matter import parse
from .index import ArtifactIndex
from .models import (
    Artifact,
    ArtifactPage,
    Change,
    Document,
    Facet,
    Facets,
    Fragment,
    IndexStats,
    Problem,
    SyncResult,
    SyncRun,
)

__all__ = [
    "Artifact",
    "ArtifactError",
    "ArtifactFileError",
    "ArtifactIndex",
    "ArtifactPage",
    "Change",
    "Document",
    "Facet",
    "Facets",
    "Fragment",
    "IndexStats",
    "MalformedError",
    "Problem",
    "SyncResult",
    "SyncRun",
    "SyncRunningError",
    "UnknownArtifactError",
    "parse",
]
