"""A page's work beside the page: shared by those who ask alike, broken off when nobody waits, never a traceback."""

from __future__ import annotations

import threading

from dataflow_core.errors import UsageError
from ui.jobs import Job, Jobs, Report


def test_who_asks_for_the_same_shares_one_job() -> None:
    calls: list[int] = []
    jobs = Jobs()
    first = jobs.job("a", lambda _: calls.append(1))
    assert jobs.job("a", lambda _: calls.append(1)) is first
    assert jobs.job("b", lambda _: calls.append(1)) is not first
    assert all(jobs.job(key, lambda _: None).wait(5) for key in "ab")
    assert calls == [1, 1]


def test_a_job_tells_how_far_it_is_and_hands_over_its_result() -> None:
    go = threading.Event()

    def work(report: Report) -> str:
        report(1.5, "all of it")
        go.wait(5)
        return "done"

    job = Jobs().job("a", work)
    while not job.sentence:
        pass
    assert (job.share, job.sentence, job.is_done) == (1.0, "all of it", False)
    go.set()
    assert job.wait(5)
    assert (job.result, job.problem) == ("done", "")


def test_a_job_that_was_stopped_ends_where_it_next_tells_and_is_started_anew() -> None:
    jobs, go, told = Jobs(), threading.Event(), []

    def work(report: Report) -> None:
        go.wait(5)
        report(0.5, "half")
        told.append("went on")

    job = jobs.job("a", work)
    job.stop()
    go.set()
    assert job.wait(5)
    assert (told, job.result, job.problem) == ([], None, "")
    assert jobs.job("a", work).wait(5)
    assert told == ["went on"]


def test_what_goes_wrong_is_a_sentence() -> None:
    def fail(error: Exception) -> str:
        def work(_: Report) -> None:
            raise error

        job: Job[None] = Jobs().job("a", work)
        assert job.wait(5)
        return job.problem

    assert fail(UsageError("No such thing.")) == "No such thing."
    assert "No space left" in fail(OSError(28, "No space left on device"))
    assert "server's log" in fail(ZeroDivisionError("x"))


def test_only_the_last_jobs_are_kept() -> None:
    jobs = Jobs()
    for number in range(100):
        assert jobs.job(number, lambda _: None).wait(5)
    assert sum(jobs.find(number) is not None for number in range(100)) <= 33
    assert jobs.find(99) is not None
