"""Work of a page that may take long: done in a thread, shown as it goes, shared by those who ask for the same.

What is to be done is told by a key that holds all it depends on. Work that nobody waits for any more, because another
choice has been made, is broken off where it next tells how far it is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import streamlit as st

from dataflow_core.errors import DataflowError
from ui.text import escape_markdown

Result = TypeVar("Result")
#: Told the share that is done, 0 to 1, and a sentence.
Report = Callable[[float, str], None]
Work = Callable[[Report], Result]
_KEPT = 32
_AT_ONCE = 0.4  # seconds that a page waits before it shows progress instead
_POLL = 0.5
_SLOT = "job-"


class _StoppedError(Exception):
    pass


@dataclass
class Job(Generic[Result]):
    """`result` or `problem`, a sentence, is there once `is_done`; neither where it was stopped."""

    work: Work[Result]
    share: float = 0.0
    sentence: str = ""
    result: Result | None = None
    problem: str = ""
    is_stopped: bool = False
    _finished: threading.Event = field(default_factory=threading.Event)
    _ended_at: float = 0.0

    @property
    def is_done(self) -> bool:
        return self._finished.is_set()

    def seconds_ago(self) -> float:
        """Since when it is done."""
        return time.monotonic() - self._ended_at

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
            self.problem = f"A file could not be read or written: {error.strerror or error}."
        except Exception:  # a bug: the page ends its waiting, the log tells
            self.problem = "Something went wrong that should not have. The server's log tells what."
            logging.getLogger(__name__).exception("A page's work has failed")
        finally:
            self._ended_at = time.monotonic()
            self._finished.set()

    def _report(self, share: float, sentence: str) -> None:
        self.share, self.sentence = min(max(share, 0.0), 1.0), sentence
        if self.is_stopped:
            raise _StoppedError
        time.sleep(0)  # those go first who wait for a page


class Jobs:
    """The jobs of the server, by key; of those that are done, the last few."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: OrderedDict[Hashable, Job[Any]] = OrderedDict()

    def job(self, key: Hashable, work: Work[Result]) -> Job[Result]:
        """The job with this key; it is started where there is none, or where it was stopped."""
        with self._lock:
            job = self._jobs.get(key)
            if job is None or job.is_stopped:
                job = self._jobs[key] = Job(work)
                job.start()
            self._jobs.move_to_end(key)
            ended = [one for one, its in self._jobs.items() if its.is_done and one != key]
            for old in ended[: max(0, len(self._jobs) - _KEPT)]:
                del self._jobs[old]
            return job

    def find(self, key: Hashable) -> Job[Any] | None:
        with self._lock:
            return self._jobs.get(key)

    def forget(self, key: Hashable) -> None:
        with self._lock:
            self._jobs.pop(key, None)


@st.cache_resource(show_spinner=False)
def jobs() -> Jobs:
    return Jobs()


def followed(slot: str, key: Hashable, work: Work[Result]) -> Job[Result]:
    """The job of this key, waited for a moment. What this session followed in the same slot before is stopped.

    Where it is not done yet, `show_progress` belongs on the page.
    """
    before = st.session_state.get(_SLOT + slot)
    if before is not None and before != key and (other := jobs().find(before)) is not None and not other.is_done:
        other.stop()
    st.session_state[_SLOT + slot] = key
    job = jobs().job(key, work)
    job.wait(_AT_ONCE)
    return job


def show_progress(job: Job[Any], *, key: str) -> None:
    """A bar that moves until the job is done; then the whole page is drawn anew."""
    with st.container(key=key):
        st.fragment(_bar, run_every=_POLL)(job)


def _bar(job: Job[Any]) -> None:
    if job.is_done:
        st.rerun()
    st.progress(job.share, text=escape_markdown(job.sentence or "Starting …"))
