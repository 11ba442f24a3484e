"""A service that improves prompts, and keeps a history of them that is never in its way.

    pip install "holdfast[history,web]"
    uvicorn --app-dir examples prompt_service:app
    curl localhost:8000/api/v1/improve-prompt --json '{"idea": "a poem about the sea"}'

Without a language model it fills in a template. With `pip install dspy` and the name of a model in
PROMPT_MODEL, as `openai/gpt-4o-mini`, a DSPy program asks that. The history has its settings in
the environment or `.env`: SQLITE_DB_PATH and others, see docs/history-service.md.
GET /health/repository tells how it is doing, GET /api/v1/history what it has.
"""

import logging
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Protocol

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, Field, StringConstraints

from holdfast.history import (
    History,
    InvalidRecordError,
    PromptHistory,
    get_history,
    lifespan,
    router,
)

logger = logging.getLogger("prompt_service")

Idea = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000)]


class Request(BaseModel):
    """What is to be improved: an idea, and what is known around it."""

    idea: Idea
    context: Annotated[str, StringConstraints(max_length=20_000)] = ""
    conversation_id: Annotated[str, StringConstraints(max_length=200)] | None = None


class Improved(BaseModel):
    """What was made of it, part by part and as a whole."""

    improved_prompt: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    role: str
    directive: str
    framework: str
    guardrails: list[str]
    reasoning: str | None = None
    confidence: float | None = Field(None, ge=0, le=1)


class Answer(Improved):
    """The answer of the service: what was made, by what, and in how many milliseconds."""

    backend: Literal["zero-shot", "few-shot"]
    model: str
    provider: str
    latency_ms: float


class Improver(Protocol):
    """What improves prompts: put in your own."""

    backend: Literal["zero-shot", "few-shot"]
    model: str
    provider: str

    async def improve(self, idea: str, context: str) -> Improved:
        """Make a prompt of an idea."""
        ...


class TemplateImprover:
    """Fills in a template, with no language model: the same idea has always the same answer.

    The first words decide the role. The confidence says how much there was to go on: 0.4, and more
    for a context and for an idea of some length.
    """

    backend: Literal["zero-shot", "few-shot"] = "zero-shot"
    model = "template-1"
    provider = "offline"

    roles: ClassVar = {
        "You are a senior software engineer.": ("code", "function", "script", "bug", "api", "sql"),
        "You are an experienced data analyst.": ("data", "chart", "report", "table", "numbers"),
        "You are a poet with an ear for rhythm.": ("poem", "sonnet", "verse", "song", "haiku"),
        "You are a patient teacher.": ("explain", "teach", "lesson", "why", "how"),
    }
    guardrails = (
        "Ask when something that you need is missing; do not invent it.",
        "Say what you are not sure of.",
    )

    async def improve(self, idea: str, context: str) -> Improved:
        """Fill in the template."""
        words = {word.strip(".,:;!?\"'").lower() for word in idea.split()}
        role = next(
            (role for role, signs in self.roles.items() if words.intersection(signs)),
            "You are an expert in the subject of the task.",
        )
        directive = f"Do the following, completely: {idea.rstrip('.')}."
        parts = [role, f"Task: {directive}"]
        parts += [f"Context: {context.strip()}"] if context.strip() else []
        parts.append("Rules:\n" + "\n".join(f"- {rule}" for rule in self.guardrails))
        return Improved(
            improved_prompt="\n\n".join(parts),
            role=role,
            directive=directive,
            framework="role, task, context, rules",
            guardrails=list(self.guardrails),
            confidence=(4 + 3 * bool(context.strip()) + 2 * (len(words) >= 5)) / 10,
        )


class DspyImprover:
    """Asks a language model through a DSPy program; with examples compiled into it, few-shot."""

    def __init__(self, lm: Any, name: str) -> None:
        import dspy

        class ImprovePrompt(dspy.Signature):
            """Turn a raw idea into a precise prompt for a language model."""

            idea: str = dspy.InputField(desc="what somebody wants, in their words")
            context: str = dspy.InputField(desc="what is known around it; may be empty")
            role: str = dspy.OutputField(desc="who the model is to be")
            directive: str = dspy.OutputField(desc="the task, as an instruction")
            framework: str = dspy.OutputField(desc="the pattern that the prompt follows")
            guardrails: list[str] = dspy.OutputField(desc="rules that the answer must keep")
            improved_prompt: str = dspy.OutputField(desc="the whole prompt, ready to be sent")
            confidence: float = dspy.OutputField(desc="from 0 to 1")

        self.program = dspy.ChainOfThought(ImprovePrompt)
        self.program.set_lm(lm)
        self.provider, _, self.model = name.rpartition("/")
        self.provider = self.provider or "dspy"

    @property
    def backend(self) -> Literal["zero-shot", "few-shot"]:
        """Whether the program has examples."""
        shown = any(predictor.demos for predictor in self.program.predictors())
        return "few-shot" if shown else "zero-shot"

    async def improve(self, idea: str, context: str) -> Improved:
        """Run the program."""
        found = await self.program.acall(idea=idea, context=context)
        return Improved(
            improved_prompt=found.improved_prompt,
            role=found.role,
            directive=found.directive,
            framework=found.framework,
            guardrails=found.guardrails,
            reasoning=found.reasoning,
            confidence=min(max(found.confidence, 0.0), 1.0),
        )


@cache
def chosen_improver() -> Improver:
    """The improver that the environment asks for."""
    name = os.environ.get("PROMPT_MODEL")
    if not name:
        return TemplateImprover()
    try:
        import dspy
    except ModuleNotFoundError as missing:
        text = f"PROMPT_MODEL is {name}, and {missing.name} is missing: pip install dspy"
        raise RuntimeError(text) from missing
    return DspyImprover(dspy.LM(name), name)


async def get_improver() -> Improver:
    """The improver of all requests; `app.dependency_overrides` has another one.

    It is `async` because FastAPI would run it in a thread otherwise, for each request.
    """
    return chosen_improver()


@asynccontextmanager
async def started(app: FastAPI) -> AsyncGenerator[None]:
    """Begin with an improver, and with a history whether its database can be used or not."""
    app.dependency_overrides.get(get_improver, chosen_improver)()
    async with lifespan()(app):
        yield


app = FastAPI(title="Prompts, improved", lifespan=started)
# An app that is reached from elsewhere says here who may read and who may delete.
app.include_router(router())


@app.post("/api/v1/improve-prompt")
async def improve_prompt(
    request: Request,
    improver: Annotated[Improver, Depends(get_improver)],
    history: Annotated[History, Depends(get_history)],
) -> Answer:
    """Improve a prompt. What becomes of its record in the history, nobody waits for."""
    begun = time.perf_counter()
    try:
        improved = await improver.improve(request.idea, request.context)
    except Exception as error:
        # What a model says about a prompt may quote it: the log has the kind of the error alone.
        logger.error("the prompt could not be improved: %s", type(error).__name__)
        raise HTTPException(502, "the language model could not be asked; try again") from None
    answer = Answer(
        **improved.model_dump(),
        backend=improver.backend,
        model=improver.model,
        provider=improver.provider,
        latency_ms=round((time.perf_counter() - begun) * 1000, 3),
    )
    remember(history, request, answer)
    return answer


def remember(history: History, request: Request, answer: Answer) -> None:
    """Have a record written, some time soon."""
    try:
        record = PromptHistory(
            original_idea=request.idea,
            context=request.context,
            conversation_id=request.conversation_id,
            **answer.model_dump(),
        )
    except InvalidRecordError as error:
        logger.warning("an answer is not in the history: %s", error)
        return
    history.save(record)
