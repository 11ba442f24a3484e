"""The runs of agents on the specs of a team that does not exist: the same ones each time."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import holdfast
from holdfast.runs import DualWriter, Output, RunStore, verify

STAGES = ["plan", "tasks", "implement", "validate", "audit", "unlock"]
SPECS = [
    "SPEC-041-invoice-numbering", "SPEC-042-offline-drafts", "SPEC-043-typo-tolerance",
    "SPEC-044-secrets-rotation", "SPEC-045-consent-flags", "SPEC-046-weekly-export",
    "SPEC-047-push-permissions", "SPEC-048-index-rebuild", "SPEC-049-refund-requests",
    "SPEC-050-cold-start", "SPEC-051-job-queue", "SPEC-052-night-handover",
]  # fmt: skip
AGENTS = {
    "gemini": "gemini-2.5-pro",
    "claude": "claude-sonnet-4-5",
    "gpt": "gpt-5",
}
#: What each says: a summary, steps, risks with severity and answer, open questions.
VIEWS: dict[str, tuple[str, list[str], list[tuple[str, str, str]], list[str]]] = {
    "gemini": (
        "Move the writer behind one interface first, then switch readers one by one.",
        ["Put an interface in front of {}", "Write to both places, compare nightly",
         "Switch readers in three steps", "Remove the old path after 14 quiet days"],
        [("Both places drift apart", "high", "a nightly comparison that stops the rollout"),
         ("Old clients keep the cache for a week", "medium", "version the key")],
        ["Who owns the nightly comparison?"],
    ),
    "claude": (
        "Measure {} for a week before anything moves: nobody knows today's numbers.",
        ["Record what happens today, for a week", "Agree on the error budget",
         "Put an interface in front of {}", "Switch readers behind a flag",
         "Remove the old path"],
        [("The flag is never removed", "medium", "a date in the ticket, and a failing check"),
         ("The first week shows that the spec is wrong", "low", "then it was cheap to learn")],
        ["Is a week enough over a holiday?", "Which p99 do we promise?"],
    ),
    "gpt": (
        "Keep the change small: one table, one migration, one release.",
        ["Add the column with a default", "Backfill in batches of 500",
         "Read the new column, fall back to the old", "Drop the fallback"],
        [("The backfill holds locks", "high", "batches that end within 5 ms"),
         ("A rollback loses the last hour", "medium", "keep writing the old column for a week")],
        [],
    ),
}  # fmt: skip
TABLE = """
| question | gemini | claude | gpt |
|---|---|---|---|
| measure first | no | yes | no |
| write to both places | yes | yes | no |
| steps | 4 | 5 | 4 |
"""
AGREED = """## Consensus on {subject}

All agree to put **one interface** in front of {subject} before anything moves, and to keep the \
old path until it was quiet for two weeks.
{table}
Open: who owns the nightly comparison.
"""
APART = """## No consensus on {subject}

The agents agree on the goal, but not on **what comes first**: claude wants numbers of a week, \
the others begin with the change.
{table}
Somebody has to decide before the tasks are written.
"""


def fill(db: holdfast.Database, specs: int = len(SPECS)) -> RunStore:
    """Write the runs of some specs; the newest is a few minutes old."""
    chance, runs = random.Random(6), RunStore(db)
    at = datetime.now(UTC) - timedelta(minutes=6)
    for number, spec in enumerate(SPECS[-specs:][::-1]):
        reached = chance.randint(1, len(STAGES)) if number else 3
        for stage in STAGES[:reached][::-1]:
            # What did not come to a consensus at first is run again.
            outcomes = [outcome(chance)]
            while outcomes[-1] in ("failed", "degraded") and chance.random() < 0.6:
                outcomes.append(outcome(chance))
            if number == 0 and stage == STAGES[reached - 1]:
                outcomes = ["ok", "failed"]
            for each in outcomes:
                write(chance, runs, spec, stage, at, each)
                at -= timedelta(minutes=chance.expovariate(1 / 50) + 3)
        at -= timedelta(minutes=chance.expovariate(1 / 300))
    return runs


def outcome(chance: random.Random) -> str:
    return chance.choices(["ok", "degraded", "failed", "undecided"], [70, 14, 12, 4])[0]


def write(
    chance: random.Random, runs: RunStore, spec: str, stage: str, at: datetime, outcome: str
) -> None:
    subject = spec.split("-", 2)[2].replace("-", " ")
    run = runs.upsert_consensus_run(
        spec, stage, run_timestamp=at, degraded=outcome == "degraded", name=f"run_{at:%m%d_%H%M%S}"
    )
    agents = list(AGENTS)[: 2 if outcome == "degraded" else 3]
    outputs: list[Output] = []
    for agent in agents:
        content = json.dumps(answer(agent, stage, subject), ensure_ascii=False)
        done = at + timedelta(seconds=chance.randint(9, 70))
        outputs.append(Output(agent, content, AGENTS[agent], done))
    runs.add_outputs(run, outputs)
    if outcome != "undecided":
        ok = outcome != "failed"
        runs.store_synthesis(run, synthesis(subject, agents, ok=ok), consensus_ok=ok)


def answer(agent: str, stage: str, subject: str) -> dict[str, Any]:
    summary, steps, risks, questions = VIEWS[agent]
    found: dict[str, Any] = {
        "stage": stage,
        "summary": summary.format(subject),
        "steps": [each.format(subject) for each in steps],
        "risks": [
            {"risk": risk, "severity": severity, "answer": what} for risk, severity, what in risks
        ],
    }
    return {**found, "open_questions": questions} if questions else found


def synthesis(subject: str, agents: list[str], *, ok: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "output_markdown": (AGREED if ok else APART).format(subject=subject, table=TABLE),
        "agreements": ["the old path stays for 14 days"],
    }
    if not ok:
        found["conflicts"] = ["claude wants a week of measurements first, gemini and gpt do not"]
    if len(agents) < len(AGENTS):
        found["missing_agents"] = [each for each in AGENTS if each not in agents]
    return found


def migrate(db: holdfast.Database) -> None:
    """Write to both schemas what does not agree for long: another tool changes the old tables."""
    writer = DualWriter(db)
    for number, spec in enumerate(SPECS[:4]):
        subject = spec.split("-", 2)[2].replace("-", " ")
        for agent, model in AGENTS.items():
            writer.store_artifact(
                spec, "plan", agent, answer(agent, "plan", subject), None, f"run_{number}",
                model_version=model,
            )  # fmt: skip
        writer.store_synthesis(
            spec,
            "plan",
            AGREED.format(subject=subject, table=TABLE),
            status="ok",
            run_id=f"run_{number}",
        )
    db.execute(
        "update consensus_artifacts set content_json = replace(content_json, '14 quiet', '7 quiet')"
        " where id = 4"
    )
    db.execute("update consensus_synthesis set status = 'conflict' where id = 2")
    db.execute("delete from agent_outputs where id = 9")
    verify(db)
