"""Step files: each generator reads the file of one step and writes that of the next. After DataFlow's `FileStorage`."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, get_args, runtime_checkable

from dataflow_core.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from dataflow_core.scripting.rows import Rows
    from dataflow_core.scripting.step_files import FileType

OutputType = Literal["dataframe", "dict"]
CacheType = Literal["json", "jsonl", "csv", "parquet"]
_PICKLES = ("pickle", "pkl")


@runtime_checkable
class DataFlowStorage(Protocol):
    """Where `run` reads its input and writes its output. `FileStorage` is one; a class of one's own may be another."""

    def step(self) -> DataFlowStorage:
        """Return the storage at its next step."""
        ...

    def read(self, output_type: Any = "dataframe") -> Any:
        """Return what the present step holds: a DataFrame, or with "dict" a list of dicts."""
        ...

    def write(self, data: Any) -> Any:
        """Store a DataFrame or a list of dicts as the next step."""
        ...


class FileStorage:
    """A first entry and the steps made from it, one file each: `{cache_path}/{file_name_prefix}_step{n}.{cache_type}`.

    `operator_step` begins at -1. `step()` moves on; at step 0 `read` gives the first entry, at step n the file of step
    n, and `write` makes that of step n + 1. `first_entry_file_name` may be of any type that can be read, whatever
    `cache_type` is; "" is an empty frame, for generators that need no input.

    Raises `UsageError` for a type that is not known. Pickle files are not: opening one can run anything.
    """

    def __init__(
        self,
        first_entry_file_name: str | os.PathLike[str],
        cache_path: str | os.PathLike[str] = "./cache",
        file_name_prefix: str = "dataflow_cache_step",
        cache_type: CacheType = "jsonl",
    ) -> None:
        self.first_entry_file_name = os.fspath(first_entry_file_name)
        self.cache_path = os.fspath(cache_path)
        self.file_name_prefix = file_name_prefix
        self.cache_type: FileType = cache_type
        self.operator_step = -1
        _check_type(cache_type)
        _check_first_entry(self.first_entry_file_name)
        if not file_name_prefix or Path(file_name_prefix).name != file_name_prefix:
            raise UsageError(f"file_name_prefix is the beginning of a file's name, not {file_name_prefix!r}.")

    def __repr__(self) -> str:
        return f"FileStorage({self.first_entry_file_name!r}, {self.cache_path!r}, step {self.operator_step})"

    def step(self) -> Self:
        """Move on by one, and return the storage as it is there: a copy that stays at its step."""
        self.operator_step += 1
        return copy.copy(self)

    def reset(self) -> Self:
        """Go back to before the first entry."""
        self.operator_step = -1
        return self

    def read(self, output_type: OutputType = "dataframe") -> Any:
        """The present step as a DataFrame, or with "dict" as a list of dicts.

        Rows keep their order and texts stay as they are; a CSV file's values are all text. Raises `UsageError` before
        the first `step()`, for a missing file, and as a `ReadError` with file, line and column for a broken one.
        """
        if output_type not in get_args(OutputType):
            raise UsageError(f"A step is read as 'dataframe' or as 'dict'; {output_type!r} was asked for.")
        from dataflow_core.scripting.rows import frame_of

        rows = self._read()
        return frame_of(rows) if output_type == "dataframe" else rows.rows

    def write(self, data: pd.DataFrame | list[dict[str, Any]]) -> str:
        """Write the next step's file, whole or not at all, in UTF-8; returns its path.

        Raises `UsageError` before the first `step()`, for values that the type cannot hold (CSV: lists and dicts;
        Parquet: values of several kinds in one column), and where the place cannot be written to.
        """
        from dataflow_core.scripting.rows import rows_of
        from dataflow_core.scripting.step_files import write_step

        path = self.next_path
        rows = rows_of(data)
        make_folder(path.parent)
        write_step(path, self.cache_type, rows)
        return os.fspath(path)

    def get_keys_from_dataframe(self) -> list[str]:
        """The columns of the present step."""
        return list(self._read().columns)

    @property
    def next_path(self) -> Path:
        """The file that `write` makes."""
        return Path(self.cache_path, f"{self._next}.{self.cache_type}")

    @property
    def failures_path(self) -> Path:
        """Where the inputs that failed on the way to the next step are written, with their reasons."""
        return Path(self.cache_path, f"{self._next}_failures.jsonl")

    @property
    def run_folder(self) -> Path:
        """Where a run on the way to the next step keeps what was answered, until that step is written."""
        return Path(self.cache_path, f".{self._next}.run")

    @property
    def _next(self) -> str:
        return f"{self.file_name_prefix}_step{self._present + 1}"

    @property
    def _present(self) -> int:
        if self.operator_step < 0:
            raise UsageError(
                "The storage is not at a step yet. Call storage.step() first, as in generator.run(storage.step(), …)."
            )
        return self.operator_step

    def _read(self) -> Rows:
        from dataflow_core.scripting.rows import Rows
        from dataflow_core.scripting.step_files import read_first_entry, read_step

        if self._present == 0 and not self.first_entry_file_name:
            return Rows((), [])
        if self._present == 0:
            path = Path(self.first_entry_file_name)
            if not path.is_file():
                raise UsageError(f"There is no file {path} in {Path.cwd()}. Check first_entry_file_name.")
            return read_first_entry(path)
        path = Path(self.cache_path, f"{self.file_name_prefix}_step{self._present}.{self.cache_type}")
        if not path.is_file():
            raise UsageError(f"There is no file {path}: the step before has not written it.")
        return read_step(path, self.cache_type)


def make_folder(folder: Path) -> None:
    """Raises `UsageError` where it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {folder} cannot be made: {error.strerror}.") from error


def _check_type(cache_type: str) -> None:
    if cache_type in _PICKLES:
        raise UsageError("Pickle files are not used: opening one can run anything. Use cache_type parquet or jsonl.")
    if cache_type not in get_args(CacheType):
        raise UsageError(f"There is no cache_type {cache_type!r}. Use one of: {', '.join(get_args(CacheType))}.")


def _check_first_entry(name: str) -> None:
    if Path(name).suffix.lower().lstrip(".") in _PICKLES:
        raise UsageError(
            f"{name} is a pickle file, and opening one can run anything. Save it as Parquet or JSON Lines."
        )
    if name.startswith(("hf:", "ms:")):
        raise UsageError(
            f"{name} is a data set on a hub, which is not fetched from here. Save it as a file first, and name that."
        )
