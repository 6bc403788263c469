from __future__ import annotations

from streamlit.testing.v1 import AppTest


def header_script() -> None:
    import streamlit as st

    from ui.shell import Badge, page_header

    with page_header("Run *1*", badges=[Badge("2 [live]", "blue", ":material/bolt:"), Badge("v7")]):
        st.button("New run", type="primary")


def empty_script() -> None:
    import streamlit as st

    from ui.shell import empty_state

    with empty_state("No records yet", "Start a run and they appear here.", icon=":material/forum:"):
        st.button("New run")


def guarded_script() -> None:
    import streamlit as st

    st.session_state["_shell"] = True
    from ui.shell import require_shell

    require_shell("runs")
    st.text("here")


def test_the_header_shows_title_badges_and_the_buttons_put_into_it() -> None:
    app = AppTest.from_function(header_script).run()
    assert not app.exception
    assert app.title[0].value == r"Run \*1\*"
    assert [m.value for m in app.markdown] == [r":blue-badge[:material/bolt: 2 \[live\]]", ":gray-badge[ v7]"]
    assert app.button[0].label == "New run"


def test_an_empty_page_says_what_to_do_and_offers_it() -> None:
    app = AppTest.from_function(empty_script).run()
    assert not app.exception
    assert app.subheader[0].value == "No records yet"
    assert app.caption[0].value == r"Start a run and they appear here\."
    assert app.button[0].label == "New run"


def test_a_page_opened_through_the_app_goes_on() -> None:
    app = AppTest.from_function(guarded_script).run()
    assert app.text[0].value == "here"
