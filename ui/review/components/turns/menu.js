// All that can be done with a turn, as a menu.

class TurnMenu {
  constructor(turn) {
    this.turn = turn;
    this.element = null; // while it is open
  }

  choices() {
    const { turn } = this;
    const { editor } = turn;
    const { selectionStart: caret, value } = turn.area;
    const isLast = !editor.next(turn);
    const hasOneRole = editor.isSkeleton;
    return [
      ['Insert below', 'Ctrl Enter', () => editor.insertBelow(turn)],
      ['Duplicate', '', () => editor.duplicate(turn)],
      ['Move up', 'Alt Shift ↑', editor.next(turn, -1) && (() => editor.move(turn, -1))],
      ['Move down', 'Alt Shift ↓', !isLast && (() => editor.move(turn, 1))],
      null,
      ['Split at the caret', 'Ctrl Shift Enter', caret > 0 && caret < value.length && (() => editor.split(turn))],
      ['Merge with the next', '', !isLast && (() => editor.merge(turn))],
      !hasOneRole && [`Switch to ${turn.role === 'user' ? 'assistant' : 'user'}`, '', () => editor.switchRole(turn)],
      editor.canRegenerate && null,
      turn.canRegenerateAlone && ['Regenerate this turn…', '', () => askForNote(turn, false)],
      editor.canRegenerate && [
        'Regenerate everything after it…',
        '',
        !isLast && (() => askForNote(turn, true)),
      ],
      null,
      ['Delete', 'Ctrl Shift ⌫', () => editor.remove(turn)],
    ].filter((choice) => choice !== false && choice !== undefined);
  }

  toggle() {
    if (this.element) this.close();
    else this.open();
  }

  open() {
    const { turn } = this;
    this.element = make('div', 'menu');
    this.element.setAttribute('role', 'menu');
    this.element.setAttribute('aria-label', `Turn ${turn.position}`);
    for (const choice of this.choices()) this.element.append(choice ? this.choiceButton(...choice) : make('hr', ''));
    this.element.onkeydown = (event) => this.press(event);
    this.element.onfocusout = (event) => {
      if (!this.element?.contains(event.relatedTarget) && event.relatedTarget !== turn.more) this.close();
    };
    turn.tools.append(this.element);
    turn.element.classList.add('open');
    turn.more.setAttribute('aria-expanded', 'true');
    const { top, bottom } = this.element.getBoundingClientRect();
    const height = bottom - top;
    this.element.classList.toggle('above', bottom > window.innerHeight && top > height + 40);
    this.element.querySelector('button').focus();
  }

  choiceButton(label, keys, act) {
    const button = make('button', label === 'Delete' ? 'danger' : '', { type: 'button', disabled: !act });
    button.setAttribute('role', 'menuitem');
    button.append(make('span', '', { textContent: label }), make('kbd', '', { textContent: keys }));
    button.onclick = () => {
      this.close();
      this.turn.more.focus(); // where focus stays, unless what is done moves it
      act();
    };
    return button;
  }

  press(event) {
    event.stopPropagation();
    const buttons = [...this.element.querySelectorAll('button:enabled')];
    const place = buttons.findIndex((button) => button.matches(':focus'));
    const target = {
      ArrowDown: buttons[(place + 1) % buttons.length],
      ArrowUp: buttons.at(place - 1),
      Home: buttons[0],
      End: buttons.at(-1),
      Escape: this.turn.more,
    }[event.key];
    if (!target) return;
    event.preventDefault();
    target.focus();
    if (target === this.turn.more) this.close();
  }

  close() {
    const { element, turn } = this;
    this.element = null; // before it leaves the page, which moves the focus
    element?.remove();
    turn.element.classList.remove('open');
    turn.more.setAttribute('aria-expanded', 'false');
  }
}
