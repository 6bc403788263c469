"""What the model will be asked for the first record."""

from __future__ import annotations

import streamlit as st

from dataflow_core.generators.custom import CustomGenerator
from dataflow_core.models import CustomRecipe, Input
from dataflow_core.planning.recipes import draw
from ui.custom.options import CustomOptions
from ui.custom.records import Given
from ui.format import count


def show_first_prompt(recipe: CustomRecipe, options: CustomOptions, given: Given | None = None) -> None:
    generator = CustomGenerator(
        recipe, temperature=options.temperature, seed=options.seed, recipe=options.endpoint.recipe
    )
    inputs = [given.first] if given and given.number else None
    if given is not None and inputs is None:
        return
    prompt = generator.prompt(Input("", 0, next(draw(recipe, 1, options.seed, inputs=inputs))))
    st.subheader("First prompt", anchor=False)
    if prompt.text is not None:
        st.caption("The built-in model completes examples, one field at a time. It cannot follow an instruction.")
        st.code(prompt.text, language=None, wrap_lines=True)
        return
    first, *between, last = (None, *prompt.messages) if len(prompt.messages) == 1 else prompt.messages
    if first is not None:
        st.caption("What the model is told")
        st.code(first.content, language=None, wrap_lines=True)
    if examples := len(between) // 2:
        with st.expander(f"{count(examples, 'example')}, as if it had been asked before"):
            for message in between:
                st.code(message.content, language=None, wrap_lines=True)
    if last is not None:
        st.caption("What it is asked")
        st.code(last.content, language=None, wrap_lines=True)
