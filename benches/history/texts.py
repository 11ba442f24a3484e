"""What is asked of the service, and records as it makes them: the same ones for the same seed."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

from artifacts.corpus import sentence

if TYPE_CHECKING:
    # The client has nothing of Holdfast.
    from holdfast.history import PromptHistory

SEED = 11
PATH = "/api/v1/improve-prompt"


def prose(rng: random.Random, sentences: int) -> str:
    return " ".join(sentence(rng) for _ in range(sentences))


def requests(count: int) -> list[bytes]:
    """What a client sends, ready for the socket: an idea and some context, about 400 bytes."""
    rng = random.Random(SEED)
    return [request({"idea": prose(rng, 2), "context": prose(rng, 3)}) for _ in range(count)]


def request(content: dict[str, str]) -> bytes:
    body = json.dumps(content, ensure_ascii=False).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def records(count: int) -> list[PromptHistory]:
    """Records of about 1,500 characters, as a language model gives occasion to."""
    from holdfast.history import PromptHistory

    rng = random.Random(SEED + 1)
    return [
        PromptHistory(
            original_idea=prose(rng, 2),
            context=prose(rng, 3),
            improved_prompt=prose(rng, 14),
            role=prose(rng, 1),
            directive=prose(rng, 2),
            framework="role, task, context, rules",
            guardrails=[prose(rng, 1) for _ in range(2)],
            reasoning=prose(rng, 3),
            confidence=round(rng.random(), 2),
            backend="few-shot" if number % 4 else "zero-shot",
            model="gpt-4o-mini",
            provider="openai",
            latency_ms=round(rng.uniform(400, 4000), 3),
            input_tokens=rng.randint(50, 400),
            output_tokens=rng.randint(100, 900),
            conversation_id=f"conversation-{number // 5}",
        )
        for number in range(count)
    ]
