"""A workspace's recipes, by name."""

from __future__ import annotations

import json
import time

from sqlalchemy import delete, insert, select

from dataflow_core.models import CustomRecipe
from dataflow_core.storage.database import Database, storable
from dataflow_core.storage.schema import recipes


class RecipeStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[CustomRecipe]:
        """Last saved first."""
        with self._database.read() as connection:
            query = select(recipes.c.content).order_by(recipes.c.updated_at.desc())
            return [CustomRecipe.of(content) for content in connection.scalars(query)]

    def get(self, name: str) -> CustomRecipe | None:
        return next((recipe for recipe in self.all() if recipe.name == name), None)

    def save(self, recipe: CustomRecipe) -> None:
        """In place of the one of the same name, if there is one. Runs keep the recipe that they were planned with."""
        content = json.loads(storable(json.dumps(recipe.as_fields(), ensure_ascii=False)))
        with self._database.write() as connection:
            connection.execute(delete(recipes).where(recipes.c.name == content["name"]))
            connection.execute(insert(recipes).values(name=content["name"], content=content, updated_at=time.time()))

    def remove(self, name: str) -> None:
        with self._database.write() as connection:
            connection.execute(delete(recipes).where(recipes.c.name == name))
