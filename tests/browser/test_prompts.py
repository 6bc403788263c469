"""A prompt is copied, changed and compared with the one it was copied from, as a person does it."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Browser, expect

from dataflow_core.comparing import comparisons
from dataflow_core.models import Endpoint
from dataflow_core.workspace import Workspace
from tests.browser.accessibility import violations
from tests.browser.driver import AppServer, app_page, check_clean, fresh_workspace, settled, visit
from tests.scripted_endpoint import Reply, ScriptedEndpoint
from tests.support import relations

TASKS = "Count the apples in the cellar.\nWrite a poem about rain.\n![x](http://example.invalid/x.png) Book a table."
LATE = 60_000  # milliseconds for two runs of three inputs on a busy machine


def answer(request: dict[str, Any]) -> Reply:
    """Kind where it is told to be."""
    system, *_, question = (message["content"] for message in request["messages"])
    made = json.loads(relations(question.removeprefix("Atomic task:\n")))
    if "Be kind." in system:
        made["parallel_task"] = f"Please, if you like: {made['parallel_task']}"
    return Reply(json.dumps(made))


def test_a_changed_copy_of_a_prompt_is_compared_with_the_built_in_one(browser: Browser, desk_server: AppServer) -> None:
    with (
        ScriptedEndpoint(answer) as endpoint,
        app_page(browser, desk_server.url, width=1440) as (page, watch),
    ):
        workspace = Workspace(fresh_workspace(desk_server), create=True)
        workspace.endpoints.save(Endpoint("Scripted", base_url=endpoint.url, model="scripted-model"))
        visit(page, desk_server, "prompts")
        expect(page.get_by_text("Built-in", exact=True).first).to_be_visible()
        assert violations(page) == []

        page.get_by_role("button", name="Copy and edit").click()
        page.get_by_role("textbox", name="Name").fill("kinder")
        page.get_by_role("button", name="Save the copy").click()
        system = page.get_by_role("textbox", name="System")
        expect(system).to_have_value(workspace.prompts.get("para-seq/1").texts["system"])
        system.fill("Be kind. Answer with a JSON object.")
        page.get_by_role("button", name="Save as version 2").click()  # right away: what was typed must not be lost
        expect(page.get_by_role("button", name="Save as version 3")).to_be_visible()
        assert workspace.prompts.get("kinder/2").texts["system"] == "Be kind. Answer with a JSON object."
        page.get_by_role("tab", name="Versions (2)").click()
        expect(page.locator("ins").first).to_contain_text("Be kind")
        assert violations(page) == []

        page.get_by_role("button", name="Compare two prompts").click()
        page.get_by_role("textbox", name="Tasks to try them on").fill(TASKS)
        page.keyboard.press("Control+Enter")
        assert violations(page) == []
        page.get_by_role("button", name="Compare on 3").click()
        expect(page.get_by_text("3 inputs · Scripted")).to_be_visible()
        expect(page.get_by_text("Please, if you like: Beside: Count the apples")).to_be_visible(timeout=LATE)
        expect(page.get_by_test_id("stProgress")).to_have_count(0, timeout=LATE)
        settled(page)
        (runs,) = comparisons(workspace).values()
        assert [workspace.runs.progress(run.id).done for run in runs] == [3, 3]
        page.get_by_text("Word by word").click()
        expect(page.locator("ins").first).to_contain_text("Please")
        assert violations(page) == []
        page.get_by_role("button", name="Review kinder/2").click()
        expect(page.get_by_role("heading", name="Review")).to_be_visible()
        workspace.close()
        check_clean(page, watch)
