"""``sizewise label``, before anything is sent: what it would take, and what would be said to the LLM."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sizewise.cli.label import Job
    from sizewise.llm.asker import Asker
    from sizewise.stages.labelling import Estimate


def planned(job: Job, asker: Asker, told: Estimate) -> list[str]:
    """What labelling would take: rows, tokens, cost."""
    source, prompt, price = job.source, job.prompt, asker.price
    seen = f", {price.date}" if price.date else ""
    kept = len(source.rows) - told.rows
    lines = [
        f"model       {asker.name} at {asker.endpoint.host}",
        job.terms,
        f"rows        {len(source.rows):,}: {told.rows:,} to answer ({told.distinct:,} distinct, {told.known:,} of them "
        f"answered before)" + (f", {kept:,} have an answer and stay as they are" if kept else ""),
        f"prompt      {prompt.version}, "
        + (
            f"{len(prompt.labels):,} labels"
            if prompt.labels
            else "free"
            if prompt.schema is None
            else "by a JSON schema"
        ),
        f"tokens      about {told.prompt_tokens:,.0f} of prompt and {told.completion_tokens:,.0f} of answer a row: estimated "
        "from the length of the texts",
        f"price       ${price.prompt:g} and ${price.completion:g} per million tokens ({price.source}{seen})",
        f"cost        about ${told.usd:,.4f} for what is left, at most ${told.most_usd:,.4f}; the budget is ${job.budget:,.2f}, "
        f"of which ${asker.budget.spent:,.4f} is spent",
    ]
    if asker.journal is not None and asker.journal.doubtful:
        lines.append(
            f"note        {asker.journal.doubtful:,} calls were on their way when the last run ended: their whole cost is "
            "counted as spent, and they are asked again"
        )
    if source.rejected:
        lines.append(
            f"note        {source.rejected:,} rows cannot be read and are left out (`sizewise check` lists them)"
        )
    return lines


def as_sent(job: Job) -> list[str]:
    """The prompt for the first open row, as it will be sent."""
    if not job.source.open_rows:
        return ["every row has an answer"]
    request = job.prompt.request(job.source.rows[job.source.open_rows[0]]["input"])
    lines = ["", "what is sent for the first row:"]
    for message in request.chat:
        lines += [f"--- {message['role']}", message["content"]]
    told = {
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "response_format": request.response_format,
    }
    return [*lines, "--- options", json.dumps(told, ensure_ascii=False)]


def worth(job: Job, told: Estimate) -> list[str]:
    """How many labels are worth buying, by the forecast of the run that was named."""
    from sizewise.stages.worth import worth_buying

    left = told.distinct - told.known
    return [] if job.forecast is None else worth_buying(job.forecast, told.usd / left if left else 0.0, told.rows)


def written(job: Job, asker: Asker) -> list[str]:
    """What would be written for rare labels, and what that costs."""
    from sizewise.stages import augmenting, labelling

    if not job.augment:
        return []
    writing, plan, known = labelling.augmenting(job.prompt, job.source, job.augment)
    about, most = augmenting.most_cost(asker, writing, plan)
    rare = sorted(plan.counts.items(), key=lambda one: -one[1])
    shown = ", ".join(f"{label} ({n})" for label, n in rare[:5]) + (
        f" and {len(rare) - 5} more" if len(rare) > 5 else ""
    )
    whom = f"for {shown}" if known else "for the labels that turn out rare"
    return [
        f"written     {job.augment:,} new inputs {whom}: {plan.calls:,} calls, about ${about:,.4f}, at most ${most:,.4f} unless many "
        "come back twice; each call shows a few train inputs, personal data masked",
        "            they are rows for train alone (augmented: true), and `decide` keeps them only where they help",
    ]


def as_written(job: Job) -> list[str]:
    """The first prompt that asks for new inputs, as it will be sent."""
    from sizewise.stages import augmenting, labelling

    if not job.augment:
        return []
    writing, plan, _ = labelling.augmenting(job.prompt, job.source, job.augment)
    request = augmenting.first_request(writing, plan)
    lines = ["", "what is sent to have inputs written:"]
    for message in request.chat:
        lines += [f"--- {message['role']}", message["content"]]
    return lines
