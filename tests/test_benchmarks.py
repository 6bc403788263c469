"""The benchmark itself, at a tiny scale; and the guard over the memory that runs take."""

from __future__ import annotations

import http.client
import json
import statistics
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks import exports, runs
from benchmarks.cases import LONGEST_RESUME, MOST_MEMORY, Row
from benchmarks.endpoint import MODEL, EndpointProcess
from benchmarks.export_measure import export, write_with_pandas
from benchmarks.export_workspace import make as make_export
from benchmarks.latency import Latency, fewest_seconds, with_barrier, without_barrier
from benchmarks.measure import BenchmarkError, measure_plain_loop, measure_run
from benchmarks.table import BEGIN, END, markdown, write_between_markers
from benchmarks.workload import plan_dialogues, plan_nearly_done, plan_tasks, tasks
from dataflow_core.exporting.plan import Splits
from dataflow_core.generators.answers import text_list_answer
from dataflow_core.models import Completion

AT_ONCE = Latency(0.005)


class Client:
    """One connection, kept open."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(url.removeprefix("http://").removesuffix("/v1"))

    def post(self, words: str, schema: dict[str, Any] | None) -> str:
        request: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": words}]}
        if schema is not None:
            request["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        self._connection.request("POST", "/v1/chat/completions", json.dumps(request))
        content: str = json.load(self._connection.getresponse())["choices"][0]["message"]["content"]
        return content

    def close(self) -> None:
        self._connection.close()


def test_the_scripted_endpoint_answers_what_is_asked_for_and_counts_right() -> None:
    texts = {"parallel_task": {"type": "string"}, "subsequent_task": {"type": "string"}}
    with EndpointProcess(Latency(0.02, sigma=0.5)) as endpoint, closing(Client(endpoint.url)) as client:
        assert set(json.loads(client.post("A task", {"properties": texts}))) == set(texts)
        for topic in ("soup", "bread"):
            questions, answers = (text_list_answer(key, 4) for key in ("questions", "answers"))
            skeleton = client.post(topic, questions.schema)
            assert questions.read(Completion((skeleton,), MODEL))
            assert answers.read(Completion((client.post(skeleton, answers.schema),), MODEL))
        assert client.post("Hello", None)
        report = endpoint.report()
    assert (report.calls, report.most_in_flight, len(report.dialogues)) == (6, 1, 2)
    assert report.dialogues[0] != report.dialogues[1]
    assert report.first_calls == sorted(report.first_calls)
    assert report.first_calls[0] + 0.02 <= report.first_answer <= report.first_calls[1] < report.last_answer


def test_latencies_follow_from_the_words_of_a_request() -> None:
    words = [task.encode() for task in tasks(2_000)]
    one, other = Latency(0.5, sigma=0.8, seed=1), Latency(0.5, sigma=0.8, seed=2)
    drawn = [one.of(each) for each in words]
    assert drawn == [one.of(each) for each in words]
    assert drawn != [other.of(each) for each in words]
    assert statistics.median(drawn) == pytest.approx(0.5, rel=0.1)
    assert statistics.quantiles(drawn, n=100)[83] == pytest.approx(0.5 * 2.7183**0.8, rel=0.15)
    assert {Latency(0.5).of(each) for each in words} == {0.5}


def test_the_simulation_agrees_with_one_made_by_hand() -> None:
    dialogues = [(9.0, 1.0), (1.0, 5.0), (4.0, 1.0)]
    # From the first call's answer on: slot A ends at 1, slot B at 1 + 5, then A takes the third: 1 + 4 + 1.
    assert without_barrier(dialogues, 2) == 6.0
    # The other first calls end at 1 and 4; the second calls then take 1 and 5 seconds, with the third beside.
    assert with_barrier(dialogues, 2) == 9.0
    assert fewest_seconds(1_000, latency=0.5, slots=100) == 5.0
    assert fewest_seconds(4_000, latency=0.5, slots=500) == 4.0


def test_dialogues_are_executed_and_their_latencies_known() -> None:
    run = measure_run(partial(plan_dialogues, count=12), calls=24, latency=Latency(0.02, sigma=0.8), workers=4)
    assert len(run.report.dialogues) == 12
    (first, _), *_ = run.report.dialogues  # the canary's, before the seconds that count
    assert run.seconds >= (sum(map(sum, run.report.dialogues)) - first) / 4
    assert 1 <= run.report.most_in_flight <= 4
    assert run.cpu > 0


def test_a_run_that_is_nearly_done_calls_for_the_rest_alone() -> None:
    plan = partial(plan_nearly_done, count=60, pending=6)
    run = measure_run(plan, calls=6, latency=AT_ONCE, workers=4)
    assert 0 < run.until_first_call < 4 * LONGEST_RESUME


def test_the_plain_loop_writes_every_record() -> None:
    report = measure_plain_loop(12, latency=AT_ONCE, workers=4).report
    assert report.calls == 12
    assert 0 < report.cpu_share < 1


def test_a_run_that_makes_other_calls_than_it_should_is_no_measurement() -> None:
    with pytest.raises(BenchmarkError, match="called 3 times; 2 calls are enough"):
        measure_run(partial(plan_tasks, count=3), calls=2, latency=AT_ONCE, workers=2)


def test_memory_does_not_grow_with_the_number_of_inputs() -> None:
    """At about 1/50 of the size: the slope from 1,000 to 3,000 inputs, carried on to 100,000, keeps to the limit.

    1,000 are more than are read ahead and in flight, and SQLite's cache, which grows up to a bound of its own, is made
    small. What is left, about 1 KB an input, is how the allocator's blocks come to lie, and levels off; 1 KB more kept
    for each input would break the limit. Should a slow disk bring that about once, it will not three times in a row,
    as a leak would.
    """

    def peak(count: int) -> int:
        plan, program = partial(plan_tasks, count=count), "tests.run_with_small_cache"
        return measure_run(plan, calls=count, latency=AT_ONCE, workers=50, program=program).peak

    few = peak(1_000)
    at_full_size: list[float] = []
    while not at_full_size or (len(at_full_size) < 3 and min(at_full_size) > MOST_MEMORY):
        at_full_size.append(few + (peak(3_000) - few) / (3_000 - 1_000) * (100_000 - 1_000))
    assert min(at_full_size) <= MOST_MEMORY


def row(*, is_met: bool = True) -> Row:
    return Row("work of a kind", "5.0 s", "≤ 1.05 ×", "1.020 ×", "1.157 ×", is_met, 0.031)


def test_the_table_goes_between_the_markers_and_nowhere_else(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"Before\n\n{BEGIN}\nold figures\n{END}\n\nAfter\n", encoding="utf-8")
    for _ in range(2):
        write_between_markers(readme, markdown([row()]))
    text = readme.read_text(encoding="utf-8")
    assert text.startswith(f"Before\n\n{BEGIN}\n| work | bound |")
    assert text.endswith(f"up to 3% of a core.\n{END}\n\nAfter\n")
    assert "| work of a kind | 5.0 s | ≤ 1.05 × | 1.020 × | 1.157 × |\n" in text
    assert "old figures" not in text
    assert "Python 3." in text


@pytest.mark.parametrize("text", ["Nothing", f"{END}\n{BEGIN}\n", f"{BEGIN}\n", f"{BEGIN}\n{BEGIN}\n{END}\n"])
def test_a_file_without_the_markers_is_refused_before_anything_is_measured(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(text)
    monkeypatch.setattr(runs, "CASES", {})
    assert runs.main(["--write", str(readme)]) == 1
    assert BEGIN in capsys.readouterr().err
    assert readme.read_text() == text


@pytest.mark.parametrize(("is_met", "status"), [(True, 0), (False, 1)])
def test_a_missed_target_is_named_and_ends_with_status_1(
    is_met: bool, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def case(scale: float, say: Callable[[str], None]) -> list[Row]:
        return [row(is_met=is_met)]

    monkeypatch.setattr(runs, "CASES", {"some": case})
    assert runs.main([]) == status
    assert ("Missed: work of a kind: 1.020 ×" in capsys.readouterr().err) is not is_met


@pytest.mark.parametrize("kind", ["tasks", "dialogues"])
def test_exports_are_measured_beside_pandas(kind: str, tmp_path: Path) -> None:
    make_export(tmp_path / "w", kind, 60).close()
    took = export(tmp_path / "w", "dataflow", Splits(90, 5, 5))
    beside = write_with_pandas(tmp_path / "w", "dataflow")
    assert min(took.seconds, beside.seconds) > 0
    line = exports.Line(exports.CASES[0], took, took.memory, beside)
    assert "× pandas" in exports.markdown([line], 60)
    assert [path.name for path in (tmp_path / "w").iterdir() if path.is_dir()] == []
