"""How a server wants to be asked, as it is stored and read again."""

import json

import pytest

from dataflow_core.models import Fields
from dataflow_core.serving.dialect import Dialect

NARROW = Dialect("json_object", True, "max_completion_tokens", frozenset({"temperature", "seed"}))


@pytest.mark.parametrize("dialect", [Dialect(), NARROW, Dialect("text")])
def test_a_dialect_is_read_as_it_was_stored(dialect: Dialect) -> None:
    assert Dialect.of(json.loads(json.dumps(dialect.as_fields()))) == dialect


@pytest.mark.parametrize(
    ("fields", "dialect"),
    [
        ({}, Dialect()),
        ({"output": "json_object"}, Dialect("json_object")),
        (
            {"output": "grammar", "token_limit": "most", "unsupported": ["seed", "top_p", 5]},
            Dialect(unsupported=frozenset({"seed"})),
        ),
        ({"output": ["text"], "token_limit": {}, "unsupported": "seed", "common_only": "yes"}, Dialect()),
        (NARROW.as_fields() | {"of": "a later version"}, NARROW),
    ],
)
def test_what_is_missing_or_unknown_is_taken_for_not_yet_learnt(fields: Fields, dialect: Dialect) -> None:
    assert Dialect.of(fields) == dialect
