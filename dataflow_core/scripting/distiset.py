"""What a pipeline returns: `result["default"]["train"]` is a list of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataflow_core.models import Failure
from dataflow_core.scripting.typing import Row

if TYPE_CHECKING:
    import pandas


class Rows(list[Row]):
    """The rows of one step's records."""

    @property
    def column_names(self) -> list[str]:
        return list(dict.fromkeys(name for row in self for name in row))

    def to_pandas(self) -> pandas.DataFrame:
        import pandas

        return pandas.DataFrame(list(self), columns=self.column_names)


class Distiset(dict[str, dict[str, Rows]]):
    """By the name of each last step ("default" where there is one), its rows under "train".

    `runs` are the ids of the runs, and `failures` the inputs without a record, by the name of the step.
    """

    def __init__(self, configurations: dict[str, Rows], runs: dict[str, str], failures: dict[str, list[Failure]]):
        super().__init__({name: {"train": rows} for name, rows in configurations.items()})
        self.runs = runs
        self.failures = failures
