"""Runs of several agents that look for consensus, and what each agent has put out.

>>> runs = RunStore(db)
>>> run_id = runs.upsert_consensus_run("SPEC-1", "plan")
>>> runs.add_outputs(run_id, [Output("claude", "a plan"), Output("gemini", "another")])
2
>>> [output.agent_name for output in runs.get(run_id).outputs]
['claude', 'gemini']
"""

from .aio import AsyncRunStore
from .backfill import BackfillReport, backfill
from .compare import Finding
from .cutover import CutoverReport, UndoReport, cutover, undo_cutover
from .dual import DualReport, DualWriter
from .errors import (
    CutoverRefusedError,
    LegacySchemaError,
    RunError,
    RunPhaseError,
    UnknownRunError,
    UnmappableError,
)
from .legacy import Artifact, Synthesis
from .mismatches import Mismatch, MismatchPage
from .models import AgentOutput, Output, Run, RunPage, RunStats
from .overview import Spec, SpecPage, StageState, UnmappedRow, specs, unmapped
from .pairs import NewArtifact
from .pending import TableStatus
from .portion import Unmapped
from .query import Filters
from .reader import LegacyReader, LegacyStats
from .state import Phase
from .status import RunsStatus, status
from .store import RunStore
from .sweep import Sweep, SweepReport
from .verify import VerifyReport, verify

__all__ = [
    "AgentOutput",
    "Artifact",
    "AsyncRunStore",
    "BackfillReport",
    "CutoverRefusedError",
    "CutoverReport",
    "DualReport",
    "DualWriter",
    "Filters",
    "Finding",
    "LegacyReader",
    "LegacySchemaError",
    "LegacyStats",
    "Mismatch",
    "MismatchPage",
    "NewArtifact",
    "Output",
    "Phase",
    "Run",
    "RunError",
    "RunPage",
    "RunPhaseError",
    "RunStats",
    "RunStore",
    "RunsStatus",
    "Spec",
    "SpecPage",
    "StageState",
    "Sweep",
    "SweepReport",
    "Synthesis",
    "TableStatus",
    "UndoReport",
    "UnknownRunError",
    "UnmappableError",
    "Unmapped",
    "UnmappedRow",
    "VerifyReport",
    "backfill",
    "cutover",
    "specs",
    "status",
    "undo_cutover",
    "unmapped",
    "verify",
]
