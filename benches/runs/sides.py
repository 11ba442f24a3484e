"""The same artifacts, written to one schema or to both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Protocol

import holdfast
from holdfast.runs import DualWriter, RunStore, legacy
from holdfast.runs.times import now

#: Artifacts of a run.
AGENTS = ("gemini", "claude", "gpt_pro")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
#: Spec, stage, agent, content, response and the name of the run.
Row = tuple[Any, ...]


def artifact(number: int, content: str) -> Row:
    """The artifact of a number: three are a run."""
    run = number // len(AGENTS)
    return (f"SPEC-{run:06}", "plan", AGENTS[number % len(AGENTS)], content, None, f"run-{run:06}")


class Side(Protocol):
    """Writes artifacts from a number on, in one transaction; which tables then have each."""

    TABLES: ClassVar[tuple[str, ...]]

    def __init__(self, db: holdfast.Database) -> None: ...
    def write(self, number: int, rows: list[Row], /) -> None: ...


class Legacy:
    """The old schema: a row."""

    TABLES: ClassVar[tuple[str, ...]] = ("consensus_artifacts",)

    def __init__(self, db: holdfast.Database) -> None:
        self.db = db
        db.run(legacy.create)

    def write(self, _number: int, rows: list[Row]) -> None:
        names = legacy.COLUMNS[legacy.ARTIFACTS]
        with self.db.transaction() as tx:
            for row in rows:
                tx.insert(legacy.ARTIFACTS, dict(zip(names, (*row, now()), strict=True)))


class New:
    """The new schema: an output, in the run of its spec, stage and time."""

    TABLES: ClassVar[tuple[str, ...]] = ("agent_outputs",)

    def __init__(self, db: holdfast.Database) -> None:
        self.db = db
        self.runs = RunStore(db)

    def write(self, number: int, rows: list[Row]) -> None:
        with self.db.transaction() as tx:
            for place, (spec, stage, agent, content, response, name) in enumerate(rows, number):
                at = BEGIN + timedelta(seconds=place // len(AGENTS))
                run = self.runs.upsert_consensus_run(
                    spec, stage, run_timestamp=at, name=name, tx=tx
                )
                self.runs.add_output(run, agent, content, response_text=response, tx=tx)


class Known:
    """The new schema, by a caller who remembers the id of the run: an output."""

    TABLES: ClassVar[tuple[str, ...]] = ("agent_outputs",)

    def __init__(self, db: holdfast.Database) -> None:
        self.db = db
        self.runs = RunStore(db)
        self.name, self.run = "", 0

    def write(self, _number: int, rows: list[Row]) -> None:
        with self.db.transaction() as tx:
            for spec, stage, agent, content, response, name in rows:
                if name != self.name:
                    self.run = self.runs.upsert_consensus_run(spec, stage, name=name, tx=tx)
                    self.name = name
                self.runs.add_output(self.run, agent, content, response_text=response, tx=tx)


class Naive:
    """Both schemas, a transaction each, and nothing compared."""

    TABLES: ClassVar[tuple[str, ...]] = ("consensus_artifacts", "agent_outputs")

    def __init__(self, db: holdfast.Database) -> None:
        self.legacy, self.new = Legacy(db), New(db)

    def write(self, number: int, rows: list[Row]) -> None:
        self.legacy.write(number, rows)
        self.new.write(number, rows)


class Dual:
    """Both schemas in one transaction, compared."""

    TABLES: ClassVar[tuple[str, ...]] = ("consensus_artifacts", "agent_outputs")

    def __init__(self, db: holdfast.Database) -> None:
        self.writer = DualWriter(db)

    def write(self, _number: int, rows: list[Row]) -> None:
        if len(rows) == 1:
            self.writer.store_artifact(*rows[0])
        else:
            self.writer.store_artifacts(rows)


SIDES: dict[str, type[Side]] = {
    "legacy": Legacy,
    "new": New,
    "new, run known": Known,
    "naive": Naive,
    "dual": Dual,
}
