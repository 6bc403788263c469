"""A component that shows a conversation and lets every turn be edited; it saves by itself after a pause in typing.

The turns go into text areas by their `value`, never as markup.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

_HTML = '<div class="turns"></div>'
_CSS = """
.turns { display: flex; flex-direction: column; gap: 8px; color: var(--st-text-color); font-family: var(--st-font);
  font-size: 14px; }
.turn { display: grid; grid-template-columns: 84px 1fr auto; gap: 8px; padding: 8px 10px;
  border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius); }
.turn.user { background: var(--st-secondary-background-color); }
textarea { width: 100%; box-sizing: border-box; min-height: 24px; padding: 0; border: 0; outline: 0; resize: none;
  overflow: hidden; background: transparent; color: inherit; font: inherit; line-height: 1.55; }
.turn:focus-within { border-color: var(--st-primary-color); }
button { all: unset; cursor: pointer; border-radius: 4px; line-height: 22px; }
button:focus-visible { box-shadow: 0 0 0 2px var(--st-primary-color); }
.role { font-size: 12.5px; font-weight: 600; color: var(--st-primary-color); align-self: start; }
.tools { display: flex; gap: 2px; align-self: start; }
.tools button { width: 24px; text-align: center; opacity: .6; }
.tools button:hover, .tools button:focus-visible { opacity: 1; }
@media (max-width: 600px) { .turn { grid-template-columns: 1fr auto; } textarea { grid-row: 2; grid-column: 1 / -1; } }
"""
_JS = """
const PAUSE = 400;

export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector('.turns');
  const state = root.state || (root.state = { document: null, turns: [], timer: 0 });

  const send = () => {
    clearTimeout(state.timer);
    state.timer = 0;
    state.send(state.turns.map((turn) => ({ role: turn.role, value: turn.value })));
  };
  state.send = (turns) => setStateValue('turns', turns);

  const fit = (area) => {
    area.style.height = 'auto';
    area.style.height = area.scrollHeight + 'px';
  };
  const focus = (position) => root.querySelectorAll('textarea')[position]?.focus();
  const other = (role) => (role === 'user' ? 'assistant' : 'user');

  const insert = (position) => {
    const before = state.turns[position - 1];
    state.turns.splice(position, 0, { role: before ? other(before.role) : 'user', value: '' });
    draw();
    send();
    focus(position);
  };

  const button = (name, label, text, act) => {
    const made = document.createElement('button');
    made.type = 'button';
    made.className = name;
    made.textContent = text;
    made.title = label;
    made.setAttribute('aria-label', label);
    made.onclick = act;
    return made;
  };

  const drawTurn = (turn, position) => {
    const element = document.createElement('div');
    element.className = 'turn ' + turn.role;
    const area = document.createElement('textarea');
    area.value = turn.value;
    area.rows = 1;
    area.spellcheck = true;
    area.setAttribute('aria-label', `Turn ${position + 1}, ${turn.role}`);
    area.oninput = () => {
      turn.value = area.value;
      fit(area);
      clearTimeout(state.timer);
      state.timer = setTimeout(send, PAUSE);
    };
    area.onblur = () => { if (state.timer) send(); };
    area.onkeydown = (event) => {
      event.stopPropagation();  // letters are text here, not the page's shortcuts
      const acts = {
        ArrowDown: () => event.altKey && focus(position + 1),
        ArrowUp: () => event.altKey && focus(position - 1),
        Enter: () => (event.ctrlKey || event.metaKey) && (insert(position + 1), true),
        Escape: () => area.blur(),
      };
      const isShortcut = event.altKey || event.ctrlKey || event.metaKey || event.key === 'Escape';
      if (acts[event.key] && isShortcut) {
        event.preventDefault();
        acts[event.key]();
      }
    };
    const name = turn.role === 'user' ? 'User' : 'Assistant';
    const role = button('role', 'Switch between user and assistant', name, () => {
      turn.role = other(turn.role);
      draw();
      send();
    });
    const tools = document.createElement('div');
    tools.className = 'tools';
    tools.append(
      button('add', 'Insert a turn below (Ctrl+Enter)', '+', () => insert(position + 1)),
      button('remove', 'Delete this turn', '×', () => { state.turns.splice(position, 1); draw(); send(); }),
    );
    element.append(role, area, tools);
    return element;
  };

  function draw() {
    const turns = state.turns.map(drawTurn);
    if (!turns.length) turns.push(button('role', 'Add the first turn', '+ Add a turn', () => insert(0)));
    root.replaceChildren(...turns);
    root.querySelectorAll('textarea').forEach(fit);
  }

  if (state.document !== data.document) {  // only another conversation is drawn, never the same one under the caret
    state.document = data.document;
    state.turns = data.turns.map((turn) => ({ ...turn }));
    draw();
  }
  const observer = new ResizeObserver(() => root.querySelectorAll('textarea').forEach(fit));
  observer.observe(root);
  return () => {
    observer.disconnect();
    if (state.timer) send();
  };
}
"""

_render = st.components.v2.component("dataflow_studio.turn_editor", html=_HTML, css=_CSS, js=_JS)


def turn_editor(turns: list[dict[str, str]], *, key: str, on_change: Callable[[], None]) -> None:
    """Show the turns ({"role", "value"}). What they have become is `edited_turns(key)`, from the first change on.

    Another conversation, or another version of this one, needs another key.
    """
    _render(key=key, data={"document": key, "turns": turns}, on_turns_change=on_change)


def edited_turns(key: str) -> list[dict[str, str]] | None:
    """The turns as the browser last sent them, or None while nothing was changed."""
    state: Any = st.session_state.get(key) or {}
    turns = state.get("turns")
    if turns is None:
        return None
    return [
        {"role": "assistant" if turn.get("role") == "assistant" else "user", "value": str(turn.get("value", ""))}
        for turn in turns
    ]
