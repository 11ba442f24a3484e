"""The plans, specs, reports and notes of a team that does not exist: the same ones each time."""

import os
import random
import time
from pathlib import Path

SUBJECTS = {
    "billing": ["invoice numbering", "the dunning mails", "tax rates per country", "refunds"],
    "search": ["synonyms", "the ranking of fresh results", "typo tolerance", "the index rebuild"],
    "mobile": ["offline drafts", "push permissions", "cold start", "the share sheet"],
    "platform": ["the job queue", "secrets rotation", "the staging cluster", "log retention"],
    "data": ["the events schema", "late arrivals", "the weekly export", "consent flags"],
    "support": ["the macro library", "response times", "the handover at night", "refund requests"],
}
TITLES = {
    "plan": ["Rework {}", "Roll out {} in three steps", "Simplify {}", "Own {} end to end"],
    "spec": ["How {} works", "{}: the contract", "{}: limits and errors"],
    "report": ["What we learned from {}", "{}: the second quarter", "Incident review: {}"],
    "note": ["Questions on {}", "Meeting on {}", "{}: options we dropped"],
}
STATUSES = ["draft", "active", "active", "review", "done", "done", "archived"]
CATEGORIES = ["engineering", "product", "research", "operations"]
TAGS = ["q3", "customer", "reliability", "latency", "cost", "privacy", "migration", "quick-win"]
OWNERS = ["Ada", "Björn", "Chloé", "Devika", "Farid", "Ines"]
SENTENCES = [
    "Work on {} is spread over three services, and nobody can say which of them is right.",
    "We keep what works about {} and move the rest behind one interface.",
    "The numbers of last month show that we spend four hours a week on {}.",
    "Nothing changes for customers until the first step has run for two weeks.",
    "If a step fails, the old path takes over and the on-call person is told.",
    "Two teams asked for this, and a third would profit from it without any work.",
    "We looked at buying a tool for {}; it would not have saved us the hard part.",
    "Latency stays below 200 ms at the 99th percentile, measured at the edge.",
]
COUNT = 212


def write(root: Path, count: int = COUNT) -> list[Path]:
    """Write the files; the newest was changed a few minutes ago."""
    chance = random.Random(11)
    kinds = list(TITLES)
    paths: list[Path] = []
    for number in range(count):
        area = chance.choice(list(SUBJECTS))
        kind = chance.choices(kinds, (4, 3, 2, 3))[0]
        subject = chance.choice(SUBJECTS[area])
        title = chance.choice(TITLES[kind]).format(subject)
        title = title[0].upper() + title[1:]
        slug = "-".join("".join(c if c.isalnum() else " " for c in title.lower()).split())
        path = root / f"{kind}s" / area / f"{slug}-{number:03}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(chance, kind, title, subject, paths, path), encoding="utf-8")
        age = 400 + number**2 * 170
        os.utime(path, (time.time() - age, time.time() - age))
        paths.append(path)
    return paths


def text(
    chance: random.Random, kind: str, title: str, subject: str, others: list[Path], path: Path
) -> str:
    """A file with front matter."""

    def prose(sentences: int) -> str:
        return " ".join(s.format(subject) for s in chance.sample(SENTENCES, sentences))

    day = f"2026-{chance.randint(1, 11):02}-{chance.randint(1, 28):02}"
    quoted = f'"{title}"' if ":" in title else title
    lines = ["---", f"title: {quoted}", f"type: {kind}", f"status: {chance.choice(STATUSES)}"]
    if chance.random() < 0.8:
        lines.append(f"category: {chance.choice(CATEGORIES)}")
    lines += [f"owner: {chance.choice(OWNERS)}", f"created: {day}"]
    lines += [f"tags: [{', '.join(chance.sample(TAGS, chance.randint(1, 4)))}]", "---", ""]
    body = [f"# {title}", prose(3), "## Why now", prose(3), "## Steps"]
    steps = ["Write down what happens today", "Measure it for a week", "Agree on the interface"]
    steps += [f"Switch {subject} over for one customer", "Remove the old path"]
    body.append("\n".join(f"- [{'x' if n < 2 else ' '}] {step}" for n, step in enumerate(steps)))
    body.append("| measure | before | goal |\n|---|---:|---:|\n| errors a day | 41 | 5 |")
    body[-1] += "\n| p99 | 840 ms | 200 ms |\n| hours a week | 4 | 0.5 |"
    if kind == "spec":
        body += ["## The call", '```python\nresult = client.apply("change", retries=3)\n```']
    body += ["## Risks", prose(2)]
    if others:
        other = chance.choice(others)
        link = os.path.relpath(other, path.parent)
        body.append(f"It builds on [an earlier text]({link}), and is part of **{subject}**.")
    return "\n".join(lines) + "\n\n".join(body) + "\n"
