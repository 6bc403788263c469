"""Tasks that the tests of scripting share."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from dataflow_core.scripting.generator_task import GeneratorTask
from dataflow_core.scripting.typing import ChatItem, GeneratorOutput


def chat(text: str) -> list[ChatItem]:
    return [{"role": "user", "content": text}]


class Asking(GeneratorTask):
    """Asks about each of its topics, so many to a yield, from the offset on; `offsets` is where it was begun."""

    topics: list[str]
    together: int = 1
    says_last: bool = False
    offsets: list[int] = Field(default_factory=list)

    @property
    def outputs(self) -> list[str]:
        return ["topic", "text", "model_name"]

    def process(self, offset: int = 0) -> GeneratorOutput:
        self.offsets.append(offset)
        for start in range(offset, len(self.topics), self.together):
            topics = self.topics[start : start + self.together]
            answers = self.llm.generate(inputs=[chat(f"About {topic}") for topic in topics])
            rows = [self.row(topic, answer) for topic, answer in zip(topics, answers, strict=True)]
            if self.says_last:
                yield rows, start + self.together >= len(self.topics)
            else:
                yield rows if self.together > 1 else rows[0]

    def row(self, topic: str, answer: Any) -> dict[str, Any]:
        row = {"topic": topic, "model_name": self.llm.model_name}
        row.update(self.format_output(output=answer, input=None))
        return row

    def format_output(self, output: str | None, input: Any = None) -> dict[str, Any]:
        return {"text": output}


class Yielding(GeneratorTask):
    """Yields what it is given, without a model."""

    given: list[Any]

    @property
    def outputs(self) -> list[str]:
        return ["a"]

    def process(self, offset: int = 0) -> GeneratorOutput:
        yield from self.given[offset:]


def topics(count: int) -> list[str]:
    return [f"topic {number}" for number in range(count)]
