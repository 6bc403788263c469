"""Work of a page that may take long: done in a thread, shown as it goes, shared by those who ask for the same.

What is to be done is told by a key that holds all it depends on. What it is about to give up on (another choice has
been made meanwhile) is told to stop where it next reports its progress.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import streamlit as st

from dataflow_core.errors import DataflowError

Result = TypeVar("Result")
#: Told how much is done, and of how much.
Report = Callable[[int, int], None]
_KEPT = 32
_AT_ONCE = 0.4  # seconds that a page waits before it shows progress instead
_POLL = 0.5


class _StoppedError(Exception):
    pass


@dataclass
class Job(Generic[Result]):
    """`result` and `problem` are there once `is_done`: one of them, or neither where it was stopped."""

    work: Callable[[Report], Result]
    done: int = 0
    total: int = 0
    result: Result | None = None
    problem: str = ""
    is_stopped: bool = False
    _finished: threading.Event = field(default_factory=threading.Event)

    @property
    def is_done(self) -> bool:
        return self._finished.is_set()

    @property
    def share(self) -> float:
        return min(self.done / self.total, 1.0) if self.total else 0.0

    def start(self) -> None:
        threading.Thread(target=self._run, name="job", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        return self._finished.wait(seconds)

    def stop(self) -> None:
        self.is_stopped = True

    def _run(self) -> None:
        try:
            self.result = self.work(self._report)
        except _StoppedError:
            pass
        except DataflowError as error:
            self.problem = str(error)
        except OSError as error:
            self.problem = f"The disk does not play along: {error.strerror or error}."
        except Exception:  # the page has to end its waiting; where a bug is, the log tells
            self.problem = "Something went wrong that should not have. The server's log tells what."
            raise
        finally:
            self._finished.set()

    def _report(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        if self.is_stopped:
            raise _StoppedError
        time.sleep(0)  # let those go first who wait for a page


class Jobs:
    """The jobs of the server, by key; of those that are done, the last few."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: OrderedDict[Hashable, Job[Any]] = OrderedDict()

    def job(self, key: Hashable, work: Callable[[Report], Result]) -> Job[Result]:
        """The job with this key; it is started where there is none, or where it was stopped."""
        with self._lock:
            job = self._jobs.get(key)
            if job is None or job.is_stopped:
                job = self._jobs[key] = Job(work)
                job.start()
            self._jobs.move_to_end(key)
            for old in [one for one, its in self._jobs.items() if its.is_done][: max(0, len(self._jobs) - _KEPT)]:
                del self._jobs[old]
            return job

    def find(self, key: Hashable) -> Job[Any] | None:
        return self._jobs.get(key)


@st.cache_resource(show_spinner=False)
def jobs() -> Jobs:
    return Jobs()


def followed(key: Hashable, work: Callable[[Report], Result], *, slot: str) -> Job[Result]:
    """The job of this key, waited for a moment. What this session followed in the same slot before is stopped.

    Where it is not done yet, `show_progress` belongs on the page.
    """
    before = st.session_state.get(f"job-{slot}")
    if before is not None and before != key and (other := jobs().find(before)) is not None:
        other.stop()
    st.session_state[f"job-{slot}"] = key
    job = jobs().job(key, work)
    job.wait(_AT_ONCE)
    return job


def show_progress(job: Job[Any], sentence: Callable[[Job[Any]], str]) -> None:
    """A bar that moves until the job is done, when the page is drawn anew. `sentence` is Markdown."""
    st.fragment(_bar, run_every=_POLL)(job, sentence)


def _bar(job: Job[Any], sentence: Callable[[Job[Any]], str]) -> None:
    if job.is_done:
        st.rerun()
    st.progress(job.share, text=sentence(job))
