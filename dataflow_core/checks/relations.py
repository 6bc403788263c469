"""What is checked of a task and its three relations.

The words that two tasks share stand for what they share in meaning; that is rough, so each check speaks only where the
words leave little doubt, and keeps silent about texts that are empty or too short to tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dataflow_core.checks import phrases
from dataflow_core.checks.words import Words, length, repeats, words_of
from dataflow_core.generators.para_seq import task_keys
from dataflow_core.models import Fields, Finding

#: Nothing that two or fewer words say can be acted upon.
FEWEST_WORDS = 3
#: Four times what a long task of one or two sentences has; more is an essay.
MOST_WORDS = 120
#: With fewer words of its own, a task can be taken up in a composition without any of them; what follows from others
#: ("work out which is cheaper") is put in other words more often than they are.
_FEWEST_OWN, _FEWEST_OWN_OF_SUBSEQUENT = 3, 4
#: One word in ten may be there by chance.
_BY_CHANCE = 0.1
#: One word of the composition that no task has can stand for as many of the subsequent task: "taller" for "calculate
#: the difference between the heights".
_PARAPHRASED = 4
#: What any task may ask for; these words tell none from another.
_ASKING = words_of(
    "add all answer ask between both calculate check choose compare compute create decide describe determine do draft "
    "estimate explain find get give identify join list make pick plan prepare recommend report say see show suggest "
    "summarize take tell two use work write"
).stems

#: What refers to an earlier result without a word of it, in English and a few other languages.
_BACK_REFERENCE = re.compile(
    r"\b(?:results?|based on|both|these|those|this|it|its|them|they|their|either|each|same|above|previous|earlier"
    r"|former|latter|chosen|selected|found|collected|gathered|findings?|outcomes?|outputs?|answers?|combin\w*|together"
    r"|information|details?|everything|the two|all of|using|compar\w*|missing|remaining|rest|total|differences?"
    r"|averages?|the \w+(?:er|est)|best|better"
    r"|ergebnis\w*|beide\w*|diese\w*|daraus|damit|dafür|anhand|davon|résultats?|deux|ces|resultados?|ambos|ambas|estos"
    r"|estas|risultat\w*|entramb\w*)\b"
    r"|结果|[两这其该此]|上述|以上|根据|基于|它们|両|これ|それ|その|この|결과|이를|바탕"
)

_SLOTS = ("atomic", "parallel", "subsequent", "composition")


@dataclass(frozen=True, slots=True)
class _Task:
    slot: str  # "parallel"
    key: str  # the field that holds it
    text: str
    words: Words

    @property
    def name(self) -> str:
        return f"the {self.slot}" if self.slot == "composition" else f"the {self.slot} task"


def relation_findings(fields: Fields, params: Fields) -> Iterator[Finding]:
    keys = task_keys(params)
    tasks = [_task(slot, key, fields.get(key)) for slot, key in zip(_SLOTS, keys, strict=True)]
    atomic = tasks[0]
    # A key that is a plain word ("next") may stand in any text.
    names = tuple(key for key in keys if "_" in key)
    for task in tasks[1:]:
        yield from _of_one(task, atomic, names)
    yield from _of_all(*tasks)


def _task(slot: str, key: str, value: object) -> _Task:
    text = value.strip() if isinstance(value, str) else ""
    return _Task(slot, key, text, words_of(text))


def _of_one(task: _Task, atomic: _Task, names: tuple[str, ...]) -> Iterator[Finding]:
    if not task.text:
        yield Finding("empty", task.key, f"{_capital(task.name)} is empty.")
        return
    size = length(task.text)
    if size < FEWEST_WORDS:
        yield Finding("too-short", task.key, f"{_capital(task.name)} is too short to be a task.")
    if size > MOST_WORDS:
        yield Finding("too-long", task.key, f"{_capital(task.name)} is {size:,} words long, which is rather an essay.")
    if phrases.is_chatter(task.text):
        yield Finding("chatter", task.key, f"{_capital(task.name)} holds a remark by the model, not just the task.")
    markup = phrases.markup_in(task.text)
    if markup and markup not in atomic.text:
        yield Finding("leftover-markup", task.key, f"Markup was left in {task.name}: {_quoted(markup)}.")
    label = phrases.label_in(task.text, names)
    if label and label not in atomic.text.casefold():
        yield Finding("names-label", task.key, f"{_capital(task.name)} names a label of the record: {_quoted(label)}.")
    if phrases.is_cut_off(task.text):
        yield Finding("cut-off", task.key, f"{_capital(task.name)} seems to be cut off: it ends in the middle.")


def _of_all(atomic: _Task, parallel: _Task, subsequent: _Task, composition: _Task) -> Iterator[Finding]:
    if repeats(parallel.words, atomic.words, with_more=True):
        message = "The parallel task says nearly the same as the atomic task."
        yield Finding("parallel-repeats-task", parallel.key, message)
    if same := _repeated(subsequent, (atomic, parallel)):
        message = f"The subsequent task says nearly the same as {_listed(same)}."
        yield Finding("subsequent-repeats", subsequent.key, message)
    elif _uses_nothing(subsequent, (atomic, parallel)):
        message = "The subsequent task mentions nothing of the atomic or the parallel task."
        yield Finding("subsequent-uses-nothing", subsequent.key, message)
    if same := _repeated(composition, (atomic, parallel, subsequent)):
        message = f"The composition says nearly the same as {_listed(same)}."
        yield Finding("composition-repeats", composition.key, message)
    elif left_out := _left_out(composition, atomic, parallel, subsequent):
        message = f"The composition takes up nothing of {_listed(left_out)}."
        yield Finding("composition-leaves-out", composition.key, message)


def _repeated(task: _Task, others: Sequence[_Task]) -> list[_Task]:
    return [other for other in others if repeats(task.words, other.words)]


def _uses_nothing(task: _Task, others: Sequence[_Task]) -> bool:
    given = [other.words.stems for other in others]
    if not task.words.stems or not all(given):
        return False
    return task.words.stems.isdisjoint(frozenset().union(*given)) and not _BACK_REFERENCE.search(task.text.casefold())


def _left_out(composition: _Task, atomic: _Task, parallel: _Task, subsequent: _Task) -> list[_Task]:
    """Those with words of their own of which the composition has hardly one.

    The subsequent task names what comes of the other two, so that their own words may be its words as well.
    """
    given, beside, after = (task.words.stems - _ASKING for task in (atomic, parallel, subsequent))
    said = composition.words.stems - _ASKING
    both = given | beside
    needed = max(_FEWEST_OWN_OF_SUBSEQUENT, _PARAPHRASED * len(said - both))
    judged = (
        (atomic, given - beside, _FEWEST_OWN),
        (parallel, beside - given, _FEWEST_OWN),
        (subsequent, after - both, needed),
    )
    return [
        task for task, own, fewest in judged if said and len(own) >= fewest and len(own & said) <= _BY_CHANCE * len(own)
    ]


def _listed(tasks: Sequence[_Task]) -> str:
    names = [task.name for task in tasks]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]


def _quoted(text: str) -> str:
    return f"“{text}”"
