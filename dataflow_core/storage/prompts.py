"""The prompts that a person has saved in a workspace: versions are added, never changed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import insert, select

from dataflow_core.errors import UsageError
from dataflow_core.models import PromptTexts
from dataflow_core.prompts.builtin import builtin_prompts
from dataflow_core.storage.database import Database, storable
from dataflow_core.storage.schema import prompts


@dataclass(frozen=True, slots=True)
class SavedPrompt:
    """A version of a prompt, with who saved it and when."""

    prompt: PromptTexts
    author: str
    at: datetime


class PromptStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, generator: str | None = None) -> list[PromptTexts]:
        """Every version of every one, newest first; with `generator`, of that one's."""
        query = select(prompts).order_by(prompts.c.number.desc())
        if generator is not None:
            query = query.where(prompts.c.generator == generator)
        with self._database.read() as connection:
            return [PromptTexts.of(dict(row)) for row in connection.execute(query).mappings()]

    def get(self, name: str) -> PromptTexts:
        """The version called "kinder/3", or the newest one of "kinder"; built-in ones are called as they are marked.

        Raises `UsageError` where there is none of that name.
        """
        known = [*builtin_prompts(), *self.all()]
        found = next((prompt for prompt in known if name in (prompt.label, prompt.name)), None)
        if found is None:
            labels = ", ".join(prompt.label for prompt in known if prompt.recipe == "capable")
            raise UsageError(f"There is no prompt “{name}” in this workspace. The prompts are: {labels}.")
        return found

    def history(self, name: str) -> list[SavedPrompt]:
        """The versions of that name, newest first."""
        query = select(prompts).where(prompts.c.name == name).order_by(prompts.c.version.desc())
        with self._database.read() as connection:
            return [
                SavedPrompt(PromptTexts.of(dict(row)), row["author"], datetime.fromtimestamp(row["created_at"], UTC))
                for row in connection.execute(query).mappings()
            ]

    def save(self, prompt: PromptTexts, *, author: str) -> PromptTexts:
        """Store the texts as the next version of that name, and return it; the newest one where it is the same.

        Raises `UsageError` where the name is that of another generator's prompt. `check_prompt` tells whether the texts
        can be used.
        """
        texts = {name: storable(text) for name, text in prompt.texts.items()}
        with self._database.write() as connection:
            own = prompts.c.name == prompt.name
            newest = (
                connection.execute(select(prompts).where(own).order_by(prompts.c.version.desc())).mappings().first()
            )
            if newest is not None and newest["generator"] != prompt.generator:
                raise UsageError(f"“{prompt.name}” is a prompt for {newest['generator']} already. Choose another name.")
            if newest is not None and newest["texts"] == texts:
                return PromptTexts.of(dict(newest))
            version = newest["version"] + 1 if newest is not None else 1
            connection.execute(
                insert(prompts).values(
                    name=prompt.name,
                    version=version,
                    generator=prompt.generator,
                    recipe=prompt.recipe,
                    texts=texts,
                    author=author,
                    created_at=time.time(),
                )
            )
        return PromptTexts(prompt.name, version, prompt.generator, texts, prompt.recipe)
