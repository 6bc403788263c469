"""A component that lists files, each with a link that takes it from the disk, however large it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from ui.downloads.route import address_of
from ui.format import size_in_words

_HERE = Path(__file__)
_render = st.components.v2.component(
    "dataflow_studio.file_list",
    html='<div class="files"></div>',
    css=_HERE.with_suffix(".css").read_text("utf-8"),
    js=_HERE.with_suffix(".js").read_text("utf-8"),
)


@dataclass(frozen=True, slots=True)
class Offered:
    """A file with what to say of it: "Train · 24 dialogues". `is_main` is drawn as the one to take."""

    path: Path
    about: str = ""
    is_main: bool = False


def file_list(files: Sequence[Offered], folder: Path, *, key: str) -> None:
    """List the files, which lie in `folder`; one that is not there any more is said to be gone."""
    rows = [_row(file, folder) for file in files]
    _render(key=key, data={"rows": rows})


def _row(file: Offered, folder: Path) -> dict[str, str | bool]:
    row: dict[str, str | bool] = {"name": file.path.name, "about": file.about, "isMain": file.is_main}
    try:
        size = size_in_words(file.path.stat().st_size)
    except OSError:
        return row | {"size": "", "href": "", "gone": "Not there any more"}
    href = address_of(file.path, folder)
    return row | {"size": size, "href": href, "gone": "" if href else str(file.path.parent)}
