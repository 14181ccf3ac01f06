"""What the person is told beside the files: cost, terms, and how the tuned model enters the contest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sizewise.core.record import RunRecord
from sizewise.export.binding import dated
from sizewise.export.tuning.providers import Provider
from sizewise.models.listing import llm, usd_price
from sizewise.report.numbers import significant
from sizewise.report.visible import visible
from sizewise.report.words import Words

if TYPE_CHECKING:
    from sizewise.export.tuning.tuning import Choices

ANSWER_TOKENS = 8


@dataclass(frozen=True, slots=True)
class Guide:
    """``tokens`` are estimates of what train, validation and the contest's rows hold; ``rows`` counts each file's."""

    record: RunRecord
    provider: Provider
    choices: Choices
    tokens: Mapping[str, float]
    rows: Mapping[str, int]
    words: Words

    def text(self, run: str) -> str:
        """The guide as Markdown."""
        return "\n\n".join([*self._about(), *self._money(), *self._terms(), *self._contest(run)]) + "\n"

    def _say(self, key: str, **parameters: str) -> str:
        return self.words(f"tuning.{key}", **parameters)

    def _count(self, value: float) -> str:
        return self.words.numbers.count(value)

    def _roughly(self, value: float) -> str:
        """A count with two digits that mean something."""
        return self.words.numbers.plain(value, significant(2)(value))

    def _about(self) -> Iterator[str]:
        provider = self.provider
        yield f"# {self._say('title', provider=provider.title, task=visible(self.record.verdict.task))}"
        yield self._say("files", train=self._count(self.rows["train.jsonl"]),
                        validation=self._count(self.rows["validation.jsonl"]),
                        asked=self._count(self.rows["contest-ask.jsonl"]))  # fmt: skip
        yield self._say("documented", docs=f"<{provider.docs}>", day=str(provider.seen), least=str(provider.least_rows))
        if provider.state is not None:
            state = provider.state.ru if self.words.language == "ru" else provider.state.en
            yield f"**{self._say('state', state=state)}**"
        personal = self.record.data_check.personal
        if personal:
            kinds = ", ".join(self.words.known(f"personal.{kind}", kind) for kind in personal)
            yield f"**{self._say('personal', kinds=kinds)}**"

    def _money(self) -> Iterator[str]:
        choices, trained = self.choices, self.tokens["train"] * self.choices.epochs
        yield f"## {self._say('cost')}"
        yield self._say("tokens", tokens=self._roughly(self.tokens["train"]), epochs=str(choices.epochs),
                        trained=self._roughly(trained))  # fmt: skip
        if choices.training_price is None:
            yield self._say("price_unknown", pricing=f"<{self.provider.pricing}>")
        else:
            usd = self.words.numbers.write(trained / 1e6 * choices.training_price, "usd")
            yield self._say("price_given", usd=usd, price=self.words.numbers.write(choices.training_price, "usd"))
        yield self._asking()

    def _asking(self) -> str:
        """What the contest's rows cost at the price of the model before it is tuned."""
        named = self.choices.model
        known = llm(named) if named else None
        price = usd_price(known) if known else "unknown"
        rows = self.rows["contest-ask.jsonl"]
        if price == "unknown":
            return self._say("asking_unknown", rows=self._count(rows))
        usd = (self.tokens["asked"] * price.input + rows * ANSWER_TOKENS * price.output) / 1e6
        return self._say("asking", rows=self._count(rows), usd=self.words.numbers.write(usd, "usd"),
                         model=visible(named or ""), day=str(price.date), source=price.source)  # fmt: skip

    def _terms(self) -> Iterator[str]:
        yield f"## {self._say('terms')}"
        yield self._say("sent", provider=self.provider.title)
        yield f"- {dated(self.provider.terms, ('commercial', 'training'), self.words)}"
        if self.record.verdict.reference == "llm":
            yield self._say("taught_on_answers")

    def _contest(self, run: str) -> Iterator[str]:
        yield f"## {self._say('contest')}"
        yield self._say("contest_how", model=self.provider.model)
        yield (
            "```sh\n"
            f"sizewise label contest-ask.toml --model MODEL --price PROMPT,ANSWER --budget 5 --out tuned.jsonl\n"
            f"sizewise decide contest-train.jsonl tuned.jsonl --reference gold --out {run}-tuned\n"
            "```"
        )
        yield self._say("contest_why")
