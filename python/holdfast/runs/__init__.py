"""Runs of several agents that look for consensus, and what each agent has put out.

>>> runs = RunStore(db)
>>> run_id = runs.upsert_consensus_run("SPEC-1", "plan")
>>> runs.add_outputs(run_id, [Output("claude", "a plan"), Output("gemini", "another")])
2
>>> [output.agent_name for output in runs.get(run_id).outputs]
['claude', 'gemini']
"""

from .errors import LegacySchemaError, RunError, UnknownRunError, UnmappableError
from .models import AgentOutput, Output, Run, RunPage, RunStats
from .store import RunStore

__all__ = [
    "AgentOutput",
    "LegacySchemaError",
    "Output",
    "Run",
    "RunError",
    "RunPage",
    "RunStats",
    "RunStore",
    "UnknownRunError",
    "UnmappableError",
]
