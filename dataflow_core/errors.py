"""Every error this library raises on purpose.

    DataflowError
    ├── UsageError              the caller's or user's to correct: a bad argument, a colliding column
    │   └── ReadError           a file or pasted text that cannot be read as a table
    ├── WorkspaceError          a folder that is no workspace, a schema newer than this code
    │   ├── DiskFullError       the disk of the workspace is full
    │   └── RunIsLiveError           a run that another process is executing now
    ├── ServingError            a call that brought no answer
    │   ├── TransientError      worth trying again: 429, 5xx, a time-out, a broken connection
    │   ├── ConfigurationError  the user's to correct, for every call alike: key, address, model, quota
    │   └── RefusedError        the model or its filter will not answer this prompt
    ├── AnswerError             an answer that cannot be used; carries the raw text
    │   └── TruncatedError      it was cut off at the token limit
    └── OwnCodeError            the code of a generator of one's own failed, or gave what is no record

Messages are sentences for the person at the screen: what is wrong, where, and what to do.
"""

from __future__ import annotations

from typing import Literal


class DataflowError(Exception):
    """The root. Anything else that escapes is a bug."""


class UsageError(DataflowError):
    pass


class ReadError(UsageError):
    pass


class WorkspaceError(DataflowError):
    pass


class DiskFullError(WorkspaceError):
    pass


class RunIsLiveError(WorkspaceError):
    pass


class ServingError(DataflowError):
    """`at` names the setting to look at, "" where none is to blame."""

    at: Literal["address", "key", "model", ""] = ""


class TransientError(ServingError):
    """`retry_after` is the number of seconds the server asks to wait, if it said so.

    `is_throttle`: the server has too much to do (429, 503, 529), and should be called less.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, is_throttle: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.is_throttle = is_throttle


class ConfigurationError(ServingError):
    pass


class RefusedError(ServingError):
    def __init__(self, message: str, *, raw_text: str = "") -> None:
        super().__init__(message)
        self.raw_text = raw_text


class AnswerError(DataflowError):
    def __init__(self, message: str, *, raw_text: str) -> None:
        super().__init__(message)
        self.raw_text = raw_text


class TruncatedError(AnswerError):
    pass


class OwnCodeError(DataflowError):
    """`raw_text` is what the model had said by then."""

    def __init__(self, message: str, *, raw_text: str = "") -> None:
        super().__init__(message)
        self.raw_text = raw_text
