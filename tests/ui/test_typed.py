"""Values of records of one's own as they are shown."""

from ui.names import CUSTOM, TASKS
from ui.typed import as_edited


def test_a_comparison_shows_yes_no_and_lists_as_they_are_edited() -> None:
    fields = {"polite": True, "issues": ["late", "broken"], "stars": 4, "letter": "true", "none": None}
    assert as_edited(CUSTOM, fields) == fields | {"polite": "yes", "issues": "late\nbroken"}
    assert as_edited(TASKS, fields) is fields
