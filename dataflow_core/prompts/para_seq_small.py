"""Prompts that get a task's relations out of a model of 100–300 million parameters: examples, one field a call.

Such a model copies a pattern and cannot follow a description of it, so the examples are the instruction.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from dataflow_core.models import Message, Prompt, Sampling

VERSION = "para-seq-small/1"
TEMPERATURE = 0.3
CANDIDATES = 4


class Example(NamedTuple):
    task: str
    parallel: str  # independent of the task: can be done beside it
    subsequent: str  # needs what came before
    extra_step: str  # continues the task after ", then"


EXAMPLES = (
    Example(
        "Find a direct train from Madrid to Seville that leaves before 9 am on June 4th.",
        "Find a direct bus from Madrid to Valencia that leaves before noon on June 6th.",
        "Buy the train ticket and print the boarding code.",
        "work out the total cost of the train and two hotel nights.",
    ),
    Example(
        "Search for a pottery course for adults near Leeds on weekday evenings.",
        "Search for a watercolor course for adults near Leeds on Sunday mornings.",
        "Enroll in the pottery course and note the first date in the calendar.",
        "compare its fee with the fees of two other studios.",
    ),
    Example(
        "Look up the pollen forecast for Vienna for the coming weekend.",
        "Look up the water temperature of the lakes near Vienna for today.",
        "Choose the better day for a walk and invite a friend to it.",
        "suggest an outing that suits a person with hay fever.",
    ),
    Example(
        "Find a second-hand electric piano with 88 keys for less than 400 euros.",
        "Find a second-hand acoustic guitar with nylon strings for less than 150 euros.",
        "Write to the seller and arrange a time to try the piano.",
        "calculate what its delivery across town would cost.",
    ),
    Example(
        "Play the newest episode of a podcast about deep-sea animals.",
        "Play the most popular episode of a podcast about ancient Rome.",
        "Save the episode and send its link to the biology class.",
        "write three quiz questions about what it says.",
    ),
    Example(
        "Order a bouquet of yellow tulips for delivery on Friday morning.",
        "Order a box of dark chocolates for pickup on Thursday evening.",
        "Write a greeting card and have it delivered with the flowers.",
        "send the recipient a message with the delivery time.",
    ),
    Example(
        "Find an open data set of bird counts in Canada since 2015.",
        "Find an open data set of forest fires in Chile since 2010.",
        "Plot the counts on a map and mark the places with a decline.",
        "list the five species that declined the most.",
    ),
    Example(
        "Check how many vacation days are left this year in the staff portal.",
        "Check how many hours of overtime are recorded this month in the staff portal.",
        "Ask the manager for a week off and attach the plan for cover.",
        "propose two weeks in which they could be taken.",
    ),
    Example(
        "Translate the assembly guide of the bookshelf from Swedish into English.",
        "Translate the warranty card of the lamp from Italian into English.",
        "Lay out the translated pages as a booklet and print two copies.",
        "make a list of the tools that it asks for.",
    ),
    Example(
        "Compare the running costs of a heat pump and a gas boiler for a small house.",
        "Compare the running costs of an electric car and a diesel car for a family of four.",
        "Choose the cheaper system and ask a firm for a written offer.",
        "estimate after how many years the cheaper one has paid off.",
    ),
    Example(
        "Book a badminton court for two hours on Wednesday after 6 pm.",
        "Book a squash court for one hour on Sunday before noon.",
        "Send the players the address of the court and the starting time.",
        "split the price evenly between four players.",
    ),
    Example(
        "Write a short unit test for the function that parses dates.",
        "Write a docstring for the function that formats currency.",
        "Run the whole test suite and fix whatever fails.",
        "add a case for a leap day.",
    ),
    Example(
        "Find a gluten-free pancake recipe that takes less than 20 minutes.",
        "Find a dairy-free waffle recipe that serves six people.",
        "Write a shopping list for the pancakes and order what is missing.",
        "scale its ingredients to eight people.",
    ),
    Example(
        "Show the three cheapest phone plans with at least 10 GB of data.",
        "Show the five fastest internet plans that cost less than $50.",
        "Sign up for the best plan and move the old number to it.",
        "work out the yearly price of each of them.",
    ),
    Example(
        "Summarize the minutes of Monday's budget meeting in five bullet points.",
        "Summarize the notes of Tuesday's design workshop in one short paragraph.",
        "Draft an agenda for the next meeting and share it with the group.",
        "name the person responsible for each point.",
    ),
)

# DRY keeps the model from parroting the examples; a line break ends the field.
_EXTRA: dict[str, Any] = {
    "min_p": 0.05,
    "top_p": 1.0,
    "top_k": 40,
    "repeat_penalty": 1.05,
    "dry_multiplier": 0.8,
    "dry_allowed_length": 4,
    "dry_penalty_last_n": 4096,
    "dry_sequence_breakers": ["\n"],
}


# Enough to fix the pattern; every further one is read anew wherever its prompt is no longer in the model's cache.
_SHOTS = 8


def parallel_prompt(task: str, *, seed: int, temperature: float | None) -> Prompt:
    """Raw completion: it came out better here than a conversation."""
    shots = "".join(f"Task: {shot.task}\nParallel task: {shot.parallel}\n\n" for shot in EXAMPLES[:_SHOTS])
    text = f"Each task is followed by a similar task with other details.\n\n{shots}Task: {task}\nParallel task:"
    return Prompt(VERSION, text=text, sampling=_sampling(seed, temperature))


def subsequent_prompt(task: str, *, seed: int, temperature: float | None) -> Prompt:
    messages = [Message("system", "Reply with the next task, which uses the result of the given task.")]
    for shot in EXAMPLES[-_SHOTS:]:
        messages += [Message("user", f"Task: {shot.task}"), Message("assistant", shot.subsequent)]
    messages.append(Message("user", f"Task: {task}"))
    return Prompt(VERSION, tuple(messages), sampling=_sampling(seed, temperature))


def composition_prompt(task: str, beginning: str, *, seed: int, temperature: float | None) -> Prompt:
    """The answer is made to begin with `beginning`, the task up to ", then": only the added step is left to write."""
    messages = [Message("system", "Repeat the task and add one more step.")]
    for shot in EXAMPLES[:_SHOTS]:
        longer = f"{shot.task.rstrip('.')}, then {shot.extra_step}"
        messages += [Message("user", f"Task: {shot.task}"), Message("assistant", longer)]
    messages += [Message("user", f"Task: {task}"), Message("assistant", beginning)]
    return Prompt(VERSION, tuple(messages), sampling=_sampling(seed, temperature))


def _sampling(seed: int, temperature: float | None) -> Sampling:
    warmth = TEMPERATURE if temperature is None else temperature
    return Sampling(temperature=warmth, max_tokens=44, seed=seed, choices=CANDIDATES, stop=("\n",), extra=_EXTRA)
