"""The prompts that a person has saved in a workspace: versions are added, never changed."""

from __future__ import annotations

import time

from sqlalchemy import insert, select

from dataflow_core.models import PromptTexts
from dataflow_core.storage.database import Database, storable
from dataflow_core.storage.schema import prompts


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

    def save(self, prompt: PromptTexts, *, author: str) -> PromptTexts:
        """Store the texts as the next version of that name, and return it; the newest one where it is the same."""
        texts = {name: storable(text) for name, text in prompt.texts.items()}
        with self._database.write() as connection:
            own = prompts.c.name == prompt.name
            newest = (
                connection.execute(select(prompts).where(own).order_by(prompts.c.version.desc())).mappings().first()
            )
            if newest is not None and newest["texts"] == texts and newest["generator"] == prompt.generator:
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
