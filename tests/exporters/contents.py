"""What is exported in these tests: one record of each kind, and any that hypothesis can think of."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from dataflow_core.exporters.base import Content, FieldChoice
from dataflow_core.models import Fields

TASKS, DIALOGUES, OWN = "ParaSeqTaskGenerator", "ConsistentChatGenerator", "GeneratorTask"
DEFAULT = FieldChoice()


def content(fields: Fields, generator: str, **more: Any) -> Content:
    return Content(1, "01J", generator, fields, more.pop("params", {}), **more)


def turns(*texts: str, first: str = "user") -> list[Fields]:
    """Turns by user and assistant in alternation."""
    roles = ("user", "assistant") if first == "user" else ("assistant", "user")
    return [{"role": roles[place % 2], "value": text} for place, text in enumerate(texts)]


def dialogue(*texts: str, **more: Any) -> Content:
    return content({"category": "Travel", "conversation": turns(*texts), **more}, DIALOGUES)


TASK = content(
    {
        "atom_task": "Zähle Schafe 🐑.",
        "line": 7,
        "parallel_task": "Weigh “wool”.",
        "subsequent_task": "Divide\nboth.",
        "composition_task": "Count, weigh and divide.",
    },
    TASKS,
)
TALK = dialogue("Où\u2028?", 'Là: "\\"', "=1+1", "2", intent="Travel", system="Be brief.")
ANSWER = content({"question": "How many?", "answer": "None.", "score": 3, "model_name": "m"}, OWN)

#: Texts as models and people write them: empty, blank, with every character that there is.
texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["", " ", "\n", "\u3000", "=1+1", "'=1", "-5", "+1", "\tx", "null", "5", "[]", "a,b;c", 'a"b']),
)
_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts),
    lambda part: st.one_of(st.lists(part, max_size=3), st.dictionaries(texts, part, max_size=3)),
    max_leaves=4,
)
_odd_turns = st.one_of(
    _values, st.lists(st.one_of(_values, st.fixed_dictionaries({}, optional={"role": _values, "value": _values})))
)
_turns = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "value": texts}), max_size=5
) | st.lists(st.tuples(texts, texts), max_size=3).map(lambda pairs: turns(*(text for pair in pairs for text in pair)))

#: Dialogues as they should be, and in any disorder; a few that are none at all.
dialogues = st.fixed_dictionaries(
    {"conversation": _turns | _turns | _turns | _odd_turns},
    optional={"category": texts, "system": texts, "flow": texts},
).map(lambda fields: content(fields, DIALOGUES))
tasks = st.fixed_dictionaries(
    {"atom_task": texts, "composition_task": texts},
    optional={"parallel_task": texts | _values, "subsequent_task": texts, "line": st.integers(0, 9)},
).map(lambda fields: content(fields, TASKS))
own_records = st.dictionaries(texts | st.sampled_from(["instruction", "input", "output", "system"]), _values).map(
    lambda fields: content(fields, OWN)
)
pairs = st.fixed_dictionaries({"prompt": texts, "chosen": texts, "rejected": texts}).map(
    lambda fields: content(fields, OWN)
)
any_contents = st.one_of(dialogues, tasks, own_records, pairs)


@st.composite
def edited(draw: st.DrawFn) -> Content:
    """A dialogue or a task with an earlier version of it, which may be of any kind, too."""
    now, before = draw(dialogues | tasks), draw(dialogues | tasks)
    return Content(1, "01J", now.generator, now.fields, {}, before.fields)
