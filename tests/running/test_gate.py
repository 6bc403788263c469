"""The way of calls to an endpoint, in virtual time: canary, concurrency, waits, and when to give up."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from dataflow_core.errors import ConfigurationError, TransientError
from dataflow_core.models import Budget, Completion, Endpoint, Message, Prompt, Quota, StepUsage, Usage
from dataflow_core.running.budget import Spending
from dataflow_core.running.gate import Gate, Stopping
from tests.virtual_time import now, run_virtually

ENDPOINT = Endpoint("e", base_url="http://127.0.0.1:9/v1", model="m", max_workers=4)
PROMPT = Prompt("p/1", (Message("user", "x" * 400),))
ANSWER = Completion(("yes",), "m", usage=Usage(100, 50))


class Server:
    """Answers after `seconds`, or as `reply` says; notes when each call came and how many there were at a time."""

    def __init__(self, seconds: float = 1.0, reply: Callable[[int], Any] = lambda _: ANSWER) -> None:
        self.seconds, self.reply = seconds, reply
        self.times: list[float] = []
        self.at_a_time = self.most = 0

    async def __call__(self) -> Completion:
        number = len(self.times)
        self.times.append(now())
        self.at_a_time += 1
        self.most = max(self.most, self.at_a_time)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.at_a_time -= 1
        reply = self.reply(number)
        if isinstance(reply, Exception):
            raise reply
        assert isinstance(reply, Completion)
        return reply


class Stops:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def __call__(self, reason: str, stopped_by: str) -> None:
        self.told.append((reason, stopped_by))


def gate_of(endpoint: Endpoint = ENDPOINT, stops: Stops | None = None, **options: Any) -> Gate:
    gate: Gate

    def stop_run(reason: str, stopped_by: str) -> None:
        if stops is not None:
            stops(reason, stopped_by)
        gate.stop()

    gate = Gate(endpoint, stop_run=stop_run, clock=now, **options)
    return gate


async def call(gate: Gate, server: Callable[[], Awaitable[Completion]], by: object, step: str = "s") -> Any:
    try:
        return await gate.call(str(by), step, PROMPT, server)
    except (TransientError, Stopping) as error:
        return error


async def calls(gate: Gate, server: Server, count: int) -> list[Any]:
    return await asyncio.gather(*(call(gate, server, number) for number in range(count)))


def test_one_call_comes_first_and_full_concurrency_the_moment_it_is_answered() -> None:
    async def run() -> None:
        server = Server()
        await calls(gate_of(), server, 9)
        assert server.times == [0.0] + [1.0] * 4 + [2.0] * 4

    run_virtually(run())


def test_never_more_calls_are_under_way_than_the_share_that_was_granted() -> None:
    async def run() -> None:
        server, gate = Server(), gate_of()
        gate.share(granted=2, part=0.5, wait_until=0.0)
        await calls(gate, server, 9)
        assert server.most == 2

    run_virtually(run())


def test_a_share_of_nothing_waits_and_says_for_whom_and_goes_on_with_the_next_share() -> None:
    async def run() -> None:
        server, gate = Server(), gate_of()
        gate.share(granted=0, part=0.0, wait_until=0.0)
        assert gate.waiting == "Waits for another run that uses this endpoint"
        waiting = asyncio.create_task(calls(gate, server, 3))
        await asyncio.sleep(5)
        assert server.times == []
        assert gate.waiting == "Waits for another run that uses this endpoint"
        gate.share(granted=4, part=1.0, wait_until=0.0)
        await waiting
        assert server.times[0] == 5.0
        assert gate.waiting == ""

    run_virtually(run())


def test_several_calls_of_one_input_count_as_one() -> None:
    async def run() -> None:
        server, gate = Server(), gate_of(replace(ENDPOINT, max_workers=1))
        await asyncio.gather(*(call(gate, server, "same") for _ in range(3)), call(gate, server, "other"))
        assert server.times == [0.0, 0.0, 0.0, 1.0]

    run_virtually(run())


def throttle(retry_after: float | None = None) -> TransientError:
    return TransientError("429", retry_after=retry_after, is_throttle=True)


def test_a_throttled_input_waits_alone_and_two_of_them_make_everybody_wait() -> None:
    async def run() -> None:
        script = {2: throttle(12.0), 6: throttle(12.0)}
        server = Server(reply=lambda number: script.get(number, ANSWER))
        gate = gate_of()
        running = asyncio.create_task(calls(gate, server, 20))
        await asyncio.sleep(4.5)
        assert gate.waiting == "The endpoint asks to wait"
        assert gate.wait_until - now() == pytest.approx(gate.asked_to_wait)
        await running
        throttled_at = sorted(server.times)[6] + 1.0
        assert not [time for time in server.times if throttled_at < time < throttled_at + 12.0]
        assert [time for time in server.times if sorted(server.times)[2] + 1.0 <= time < throttled_at]

    run_virtually(run())


def test_throttling_lowers_the_number_of_calls_at_a_time() -> None:
    async def run() -> None:
        server = Server(reply=lambda number: throttle() if number in (3, 4) else ANSWER)
        gate = gate_of(replace(ENDPOINT, max_workers=8))
        await calls(gate, server, 9)
        assert gate.limit.value == 4.0
        assert gate.allowed == 4

    run_virtually(run())


def test_one_input_that_is_throttled_forever_lowers_it_only_once() -> None:
    async def run() -> None:
        gate = gate_of(replace(ENDPOINT, max_workers=64))
        good, bad = Server(), Server(reply=lambda _: throttle(5.0))
        for _ in range(5):
            await asyncio.gather(call(gate, bad, "poisoned"), calls(gate, good, 3))
        assert gate.limit.value == 32.0
        assert gate.asked_to_wait == 0.0

    run_virtually(run())


def test_an_endpoint_that_goes_away_is_tried_one_call_at_a_time_with_growing_waits_until_a_minute_has_passed() -> None:
    async def run() -> None:
        stops = Stops()
        server = Server(0.0, lambda number: ANSWER if number == 0 else TransientError("Nothing answers."))
        gate = gate_of(stops=stops)
        inputs = itertools.count()

        async def forever() -> None:
            by = next(inputs)
            while not isinstance(await call(gate, server, by), Stopping):
                try:
                    await gate.rest(1.0)
                except Stopping:
                    return

        await asyncio.gather(*(forever() for _ in range(6)))
        ((reason, stopped_by),) = stops.told
        assert (reason, stopped_by) == ("Nothing answers. Nothing was lost: resume when it answers again.", "problem")
        assert 60.0 <= now() <= 75.0
        assert len(server.times) <= 25

    run_virtually(run())


def test_an_endpoint_that_comes_back_is_called_in_full_at_once() -> None:
    async def run() -> None:
        server = Server(0.5, lambda number: TransientError("500") if 1 <= number <= 12 else ANSWER)
        gate = gate_of()

        async def until_answered(by: int) -> None:
            while not isinstance(await call(gate, server, by), Completion):
                await gate.rest(0.1)

        await asyncio.gather(*(until_answered(by) for by in range(12)))
        assert gate.health.is_open
        assert server.most == 4
        assert gate.waiting == ""
        assert now() < 30.0

    run_virtually(run())


def test_an_endpoint_that_never_answers_costs_five_calls_whoever_makes_them() -> None:
    async def run() -> None:
        stops, server = Stops(), Server(0.0, lambda _: TransientError("Connection refused."))
        gate = gate_of(stops=stops)

        async def forever(by: int) -> None:
            while not isinstance(await call(gate, server, by), Stopping):
                try:
                    await gate.rest(1.0)
                except Stopping:
                    return

        await asyncio.gather(*(forever(by) for by in range(4)))
        assert len(server.times) == 5
        assert now() == pytest.approx(15.0, abs=4.0)
        assert stops.told[0][1] == "problem"

    run_virtually(run())


def test_requests_a_minute_are_kept_to_over_all_inputs() -> None:
    async def run() -> None:
        server = Server(0.0)
        gate = gate_of(replace(ENDPOINT, requests_per_minute=60))
        running = asyncio.create_task(calls(gate, server, 62))
        await asyncio.sleep(30.5)
        assert gate.waiting == "Keeps to your limit of 60 requests a minute"
        await running
        assert now() == pytest.approx(60.0, abs=1.0)

    run_virtually(run())


def test_the_servers_own_word_on_its_limit_slows_calls_down_before_it_has_to_refuse_any() -> None:
    async def run() -> None:
        quota = Quota("requests", limit=60, remaining=2, reset=58.0)
        server = Server(0.0, lambda number: replace(ANSWER, quotas=(quota,)) if number == 0 else ANSWER)
        await calls(gate_of(), server, 12)
        assert now() == pytest.approx(9.0, abs=0.1)

    run_virtually(run())


def spending(budget: Budget, used: Usage, endpoint: Endpoint = ENDPOINT) -> Spending:
    """What is left after one call that took `used`; the most that one took before is 100 and 50 tokens."""
    before = {"s": StepUsage(1, used, Usage(100, 50))}
    return Spending(budget, endpoint, before, money_before=endpoint.cost(used) or 0.0)


def test_a_budget_of_tokens_is_never_passed_and_the_run_stops_with_a_sentence() -> None:
    async def run() -> None:
        stops, server = Stops(), Server()
        gate = gate_of(stops=stops, spending=spending(Budget(tokens=1_000), Usage(100, 50)))
        results = await calls(gate, server, 20)
        assert len(server.times) == 5
        assert sum(isinstance(result, Completion) for result in results) == 5
        ((reason, stopped_by),) = stops.told
        assert stopped_by == "budget"
        assert reason == (
            "Stopped at its budget of 1,000 tokens: 900 are used, and the next call may take 200. "
            "Raise the budget to go on."
        )

    run_virtually(run())


def test_a_call_waits_for_those_under_way_when_only_their_answers_can_tell_whether_it_fits() -> None:
    async def run() -> None:
        cheap = replace(ANSWER, usage=Usage(10, 5))
        stops, server = Stops(), Server(reply=lambda _: cheap)
        gate = gate_of(stops=stops, spending=spending(Budget(tokens=500), Usage(10, 5)))
        await calls(gate, server, 12)
        assert len(server.times) == 12
        assert server.times[:4] == [0.0, 1.0, 1.0, 1.0]
        assert stops.told == []

    run_virtually(run())


def test_a_budget_of_money_stops_the_run_too() -> None:
    async def run() -> None:
        stops, server = Stops(), Server()
        endpoint = replace(ENDPOINT, input_price=10_000.0, output_price=20_000.0)  # 2 an answer of 100 and 50 tokens
        gate = gate_of(endpoint, stops=stops, spending=spending(Budget(money=9.0), Usage(100, 50), endpoint))
        await calls(gate, server, 20)
        assert len(server.times) == 3
        assert stops.told[0][0].startswith("Stopped at its budget of $9.00: $8.00 are used")

    run_virtually(run())


def test_stopping_ends_all_waits_at_once() -> None:
    async def run() -> None:
        server, gate = Server(seconds=100.0), gate_of()
        tasks = [asyncio.create_task(call(gate, server, number)) for number in range(3)]
        resting = asyncio.create_task(gate.rest(1_000.0))
        await asyncio.sleep(1.0)
        gate.stop()
        with pytest.raises(Stopping):
            await resting
        assert isinstance(await tasks[2], Stopping)
        assert isinstance(await tasks[1], Stopping)
        assert now() == 1.0
        with pytest.raises(Stopping):
            await gate.call("new", "s", PROMPT, server)
        for task in tasks:
            task.cancel()

    run_virtually(run())


def test_inputs_that_wait_before_another_attempt_hold_up_no_others() -> None:
    async def run() -> None:
        gate = gate_of()
        gate.health.is_open = True
        assert gate.has_room(3)
        assert not gate.has_room(4)
        resting = [asyncio.create_task(gate.rest(1_000.0)) for _ in range(30)]
        await asyncio.sleep(0)
        assert gate.has_room(33)
        assert not gate.has_room(34)
        gate.stop()
        await asyncio.gather(*resting, return_exceptions=True)

    run_virtually(run())


def test_a_cancelled_call_leaves_its_place_to_the_next() -> None:
    async def run() -> None:
        server, gate = Server(seconds=100.0), gate_of(replace(ENDPOINT, max_workers=1))
        first = asyncio.create_task(call(gate, server, 1))
        second = asyncio.create_task(call(gate, server, 2))
        third = asyncio.create_task(call(gate, Server(), 3))
        await asyncio.sleep(1.0)
        second.cancel()
        first.cancel()
        assert isinstance(await third, Completion)
        assert gate.in_flight == 0

    run_virtually(run())


def test_an_error_that_is_no_trouble_of_the_line_passes_through_and_gives_its_place_back() -> None:
    async def run() -> None:
        gate = gate_of()

        async def wrong() -> Completion:
            raise ConfigurationError("The key is wrong.")

        with pytest.raises(ConfigurationError):
            await gate.call("1", "s", PROMPT, wrong)
        assert gate.in_flight == 0
        assert not gate.health.has_answered

    run_virtually(run())


def test_resting_inputs_never_starve_the_endpoint_however_many_there_are() -> None:
    async def run() -> None:
        gate, done, fails = gate_of(), 0, itertools.count()

        async def one(by: int) -> None:
            nonlocal done
            server = Server(0.05, lambda _: TransientError("500") if next(fails) % 5 == 4 else ANSWER)
            while not isinstance(await call(gate, server, by), Completion):
                await gate.rest(1.0)
            done += 1

        tasks = set[asyncio.Task[Any]]()
        for by in range(800):
            while not gate.has_room(len(tasks)):
                gate.changed.clear()
                changing = asyncio.create_task(gate.changed.wait())
                await asyncio.wait({*tasks, changing}, return_when=asyncio.FIRST_COMPLETED)
                changing.cancel()
                tasks = {task for task in tasks if not task.done()}
            tasks.add(asyncio.create_task(one(by)))
        await asyncio.gather(*tasks)
        bound = 800 * 1.25 * 0.05 / 4
        assert done == 800
        assert now() < 1.3 * bound + 2.0

    run_virtually(run())


def test_answers_of_any_length_keep_to_the_budget_once_the_longest_so_far_is_known() -> None:
    async def run() -> None:
        lengths = itertools.cycle([100, 300, 900, 200])
        server = Server(reply=lambda _: replace(ANSWER, usage=Usage(100, next(lengths))))
        gate = gate_of(replace(ENDPOINT, max_workers=100), spending=spending(Budget(tokens=50_000), Usage(100, 100)))
        results = await calls(gate, server, 500)
        used = sum(result.usage.total for result in results if isinstance(result, Completion))
        assert 40_000 < used <= 50_000

    run_virtually(run())


def test_a_long_prompt_is_reckoned_by_its_length() -> None:
    known = spending(Budget(tokens=1_000), Usage(100, 50))
    known.begin("s", Usage(100, 50))
    known.end("s", PROMPT, Usage(100, 50), Usage(100, 50))
    long = Prompt("p/1", (Message("user", "x" * 400_000),))
    assert known.expected("s", long).prompt_tokens == 100_000
    assert known.verdict("s", known.expected("s", long)) == "stop"
