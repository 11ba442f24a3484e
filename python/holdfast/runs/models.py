"""What is known of runs and of what agents have put out. Times are UTC, to the millisecond."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ..errors import DataError
from .times import moment


class AgentOutput(NamedTuple):
    """What one agent has put out in a run.

    `content` is the text as it was given. `response_text` is the raw answer where the old schema
    has one beside it. An output that was an artifact there has the same id.
    """

    id: int
    run_id: int
    agent_name: str
    model_version: str | None
    content: str
    output_timestamp: datetime
    response_text: str | None = None


class Run(NamedTuple):
    """A run of several agents at one stage of a spec.

    `consensus_ok` is None until it is decided. `synthesis_json` is the text as it was given. `name`
    is what its caller calls the run, the `run_id` of the old schema. `outputs` are there when one
    run was asked for, `output_count` always.
    """

    id: int
    spec_id: str
    stage: str
    run_timestamp: datetime
    consensus_ok: bool | None = None
    degraded: bool = False
    synthesis_json: str | None = None
    name: str | None = None
    legacy_synthesis_id: int | None = None
    output_count: int = 0
    outputs: tuple[AgentOutput, ...] = ()

    @property
    def synthesis(self) -> Any:
        """The synthesis as a value of Python; DataError where another program wrote no JSON."""
        if self.synthesis_json is None:
            return None
        try:
            return json.loads(self.synthesis_json)
        except (ValueError, RecursionError) as error:
            raise DataError(f"the synthesis of run {self.id} is no JSON: {error}") from None


class Output(NamedTuple):
    """An output to be added; `output_timestamp` is the time of adding unless given."""

    agent_name: str
    content: str
    model_version: str | None = None
    output_timestamp: datetime | None = None
    response_text: str | None = None


class RunPage(NamedTuple):
    """Some runs, the newest first, how many there are, and the cursor for those that follow."""

    items: tuple[Run, ...]
    total: int
    cursor: str | None


class RunStats(NamedTuple):
    """How many runs and outputs there are; `undecided` runs have no consensus_ok yet.

    `stages` and `agents` count the runs of each stage and the outputs of each agent. `mismatches`
    are those between the old schema and the new one that were not resolved; `unmapped` are the rows
    of the old schema that the new one cannot hold.
    """

    runs: int
    outputs: int
    specs: int
    ok: int
    failed: int
    undecided: int
    degraded: int
    with_synthesis: int
    first: datetime | None
    last: datetime | None
    stages: Mapping[str, int]
    agents: Mapping[str, int]
    mismatches: int
    unmapped: int


#: The columns that `run_of` reads, in its order, of a run `r`.
RUN_COLUMNS = (
    "r.id, r.spec_id, r.stage, r.run_timestamp, r.consensus_ok, r.degraded, r.synthesis_json, "
    "r.legacy_run_id, r.legacy_synthesis_id, "
    "(select count(*) from agent_outputs o where o.run_id = r.id)"
)
#: The columns that `output_of` reads, in its order.
OUTPUT_COLUMNS = "id, run_id, agent_name, model_version, content, output_timestamp, response_text"


def run_of(row: tuple[Any, ...], outputs: tuple[AgentOutput, ...] = ()) -> Run:
    """Make the run of a row of `RUN_COLUMNS`."""
    run_id, spec_id, stage, at, ok, degraded, synthesis, name, legacy_id, count = row
    ok = None if ok is None else bool(ok)
    when = _moment(at, "run", run_id)
    return Run(
        run_id, spec_id, stage, when, ok, bool(degraded), synthesis, name, legacy_id, count, outputs
    )  # fmt: skip


def output_of(row: tuple[Any, ...]) -> AgentOutput:
    """Make the output of a row of `OUTPUT_COLUMNS`."""
    output_id, run_id, agent, model, content, at, response = row
    when = _moment(at, "output", output_id)
    return AgentOutput(output_id, run_id, agent, model, content, when, response)


def _moment(text: object, what: str, number: int) -> datetime:
    try:
        return moment(text)  # pyright: ignore[reportArgumentType]
    except (ValueError, TypeError):
        raise DataError(f"the time of {what} {number} is none: {text!r}") from None
