"""The prompts that people of a team that does not exist had improved: the same ones each time."""

import random
from datetime import UTC, datetime, timedelta

from holdfast.history import BackendType, PromptHistory

#: What is asked for, by whose work; what comes out of it, and what must not happen.
IDEAS = [
    ("summarise the incident channel about {}", "site reliability engineer",
     "five points in the order of events, then what is still open",
     ["Name services, not people", "Say what is assumed and what is known"]),
    ("turn these support tickets about {} into one bug report", "support engineer",
     "title, steps to reproduce, expected, observed, environment",
     ["Leave out what identifies the customer", "Write “unknown” rather than guess"]),
    ("explain our rules on {} to a customer who is angry", "customer advocate",
     "a reply of at most 120 words",
     ["Promise nothing that the rules do not", "No exclamation marks"]),
    ("write SQL that shows how {} changed over the year", "data analyst",
     "one query, with a comment on each join", ["Read-only statements", "Use the schema as given"]),
    ("review the plan for {} before we start", "staff engineer",
     "risks with severity, and for each one how to lower it", ["Quote the line that is meant"]),
    ("names for the new page on {}", "interface writer", "three names, the best one first",
     ["Two words at most", "No brand names"]),
    ("release notes out of the commits on {}", "technical writer",
     "what changed for users, grouped as added, changed and fixed",
     ["Skip what users cannot see", "One line each"]),
    ("translate the error messages of {} into German", "translator for software",
     "a table of key, English and German",
     ["Placeholders stay as they are", "Address people as “Sie”"]),
    ("a week of onboarding for somebody who will own {}", "engineering lead",
     "a plan by day, with what they can do alone by Friday", ["No more than two meetings a day"]),
    ("what do these interviews about {} have in common?", "user researcher",
     "themes with a quote each, from most to least often", ["Do not merge what contradicts"]),
    ("answer the auditor's questions about {}", "security officer",
     "an answer to each question, with the evidence it needs", ["Mark what nobody has confirmed"]),
    ("shorten the proposal on {} to one page", "editor", "one page that keeps every number",
     ["Cut adjectives first", "Keep the order of the argument"]),
]  # fmt: skip
SUBJECTS = [
    "invoice numbering", "the dunning mails", "refunds", "typo tolerance", "the index rebuild",
    "offline drafts", "push permissions", "cold start", "the job queue", "secrets rotation",
    "log retention", "late arrivals", "the weekly export", "consent flags", "the night handover",
]  # fmt: skip
FRAMEWORKS = ["", "chain of thought", "role, task, format", "ReAct", ""]
MODELS = {
    ("ollama", "llama3.1:8b"): 5,
    ("anthropic", "claude-sonnet-4-5"): 3,
    ("ollama", "qwen2.5:14b"): 2,
    ("openai", "gpt-4o-mini"): 2,
}
REASONING = (
    "The idea named a task but neither a reader nor a form. Both are given now, and what must not "
    "happen is said as rules that can be checked."
)
COUNT = 480


def records(count: int = COUNT) -> list[PromptHistory]:
    """The records, the oldest first; the newest is a few minutes old."""
    chance, age = random.Random(5), timedelta(minutes=4)
    made: list[PromptHistory] = []
    for number in range(count):
        made.append(record(chance, number, datetime.now(UTC) - age))
        # Days differ, and people sleep.
        busy = 1 + 2.5 * ((number // 13) % 5 in (1, 2))
        age += timedelta(
            minutes=chance.expovariate(1 / 110) / busy + 700 * (chance.random() < 0.04)
        )
    return made[::-1]


def record(chance: random.Random, number: int, timestamp: datetime) -> PromptHistory:
    idea, role, output, guardrails = chance.choice(IDEAS)
    idea = idea.format(chance.choice(SUBJECTS))
    provider, model = chance.choices(list(MODELS), list(MODELS.values()))[0]
    few = chance.random() < 0.35
    prompt = [
        f"Work as {'an' if role[0] in 'aei' else 'a'} {role}. The task: {idea}",
        "Use only the material between the lines of dashes.",
        f"Answer with {output}.",
        "Rules:\n" + "\n".join(f"- {each}." for each in guardrails),
        "If something that you need is missing, ask for it before you begin.",
    ]
    if few:
        prompt.insert(3, "Two answers that were good are below: match their length and tone.")
    words = sum(map(len, prompt)) // 5
    return PromptHistory(
        original_idea=idea,
        improved_prompt="\n\n".join(prompt),
        role=role,
        directive=f"Answer with {output}",
        framework=chance.choice(FRAMEWORKS),
        guardrails=guardrails,
        context=chance.choice(["", "", "An internal tool; the reader has two minutes."]),
        reasoning=REASONING if chance.random() < 0.7 else None,
        confidence=round(min(0.98, chance.gauss(0.88 if few else 0.76, 0.08)), 2),
        backend=BackendType.FEW_SHOT if few else BackendType.ZERO_SHOT,
        provider=provider,
        model=model,
        latency_ms=round(abs(chance.gauss(2300 if few else 1400, 500)) + 180, 1),
        input_tokens=words // 3 + (420 if few else 60),
        output_tokens=words,
        conversation_id=f"c-{number // 4:04}" if chance.random() < 0.5 else None,
        timestamp=timestamp,
    )
