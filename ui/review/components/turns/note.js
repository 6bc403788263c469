// The form under a turn that asks what should be different about its next text.

function askForNote(turn, andAfter) {
  turn.form?.remove();
  const what = andAfter ? `Regenerate everything after turn ${turn.position}` : `Regenerate turn ${turn.position}`;
  const input = make('input', '', { type: 'text', placeholder: 'What should be different? (optional)', dir: 'auto' });
  input.setAttribute('aria-label', `${what}: a note`);
  const close = () => {
    turn.form?.remove();
    turn.form = null;
  };
  const cancel = () => {
    close();
    turn.more.focus();
  };
  turn.form = make('form', 'note');
  turn.form.append(
    make('span', '', { textContent: what }),
    input,
    make('button', 'send', { type: 'submit', textContent: 'Regenerate' }),
    make('button', 'cancel', { type: 'button', textContent: 'Cancel', onclick: cancel }),
  );
  turn.form.onsubmit = (event) => {
    event.preventDefault();
    close();
    turn.editor.regenerate(turn, andAfter, input.value);
  };
  turn.form.onkeydown = (event) => {
    event.stopPropagation();
    if (event.key === 'Escape') cancel();
  };
  turn.element.append(turn.form);
  input.focus();
}
