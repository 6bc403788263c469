// A conversation, every turn of it a text area. What is typed is sent after a pause, and whenever the text is left.

const PAUSE = 400; // ms after the last key
const UNDO_TIME = 6000; // ms that a deleted turn can be brought back
const PATIENCE = 3000; // ms until what nobody answers is sent again
const ANSWER_TIME = 1500; // ms that a wish to regenerate waits until what was typed before it is saved
const GROWS_BY_ITSELF = CSS.supports('field-sizing', 'content');
const ROLE_NAMES = { user: 'User', assistant: 'Assistant' };
const ICONS = {
  insert: 'M8 3.5v9M3.5 8h9',
  remove: 'M3 4.5h10M6.3 4.5V3h3.4v1.5M4.4 4.5l.6 8.5h6l.6-8.5',
  regenerate: 'M13 8a5 5 0 1 1-1.6-3.7M13.2 2.3v2.9h-2.9',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  finding: 'M8 2.5 14 13H2zM8 6.5v3M8 11.2h.01',
};

// A component that is mounted anew goes on with what was typed into the one before it.
let lastSent = { document: null, turns: [], at: 0 };

export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  const root = parentElement.querySelector('.editor');
  root.editor ??= new Editor(root);
  return root.editor.show(data, setStateValue, setTriggerValue);
}

const make = (tag, className, properties = {}) =>
  Object.assign(document.createElement(tag), { className, ...properties });

const icon = (name) => {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  svg.classList.add('icon', name);
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
};

const iconButton = (name, label, act) => {
  const button = make('button', 'tool ' + name, { type: 'button', title: label, onclick: act });
  button.setAttribute('aria-label', label);
  button.append(icon(name));
  return button;
};

class Editor {
  constructor(root) {
    this.root = root;
    this.document = null;
    this.stamp = null;
    this.turns = []; // of class Turn, in order; deleted ones stay in their place while they can be brought back
    this.timer = 0; // runs while something that was typed is not sent
    this.isAnswered = true; // whether what is on screen is what the stamp names
    this.wish = null; // to regenerate, waiting for that
    this.list = make('div', 'turns');
    this.problem = make('p', 'problem');
    this.problem.setAttribute('aria-live', 'polite');
    this.findings = make('ul', 'findings');
    root.append(this.list, this.problem, this.findings);
  }

  show(data, setStateValue, setTriggerValue) {
    const isOther = data.document !== this.document;
    if (isOther) {
      this.flush(); // under the name of the document that leaves the screen
      this.sendWish();
    }
    this.received = data.received;
    if (isOther) this.leaveLetter();
    this.setStateValue = setStateValue;
    this.setTriggerValue = setTriggerValue;
    this.isSkeleton = data.isSkeleton;
    this.canRegenerate = data.canRegenerate && data.isEditable;
    this.isEditable = data.isEditable;
    this.root.classList.toggle('skeleton', data.isSkeleton);
    this.root.classList.toggle('fixed', !data.isEditable);
    if (isOther) this.open(data);
    this.turns.forEach((turn) => turn.allow());
    this.findings.replaceChildren(
      ...data.findings.map((text) => {
        const line = make('li', '');
        line.append(icon('finding'), make('span', '', { textContent: text }));
        return line;
      }),
    );
    if (isOther || data.stamp !== this.stamp) this.paint(data.stamp);
    return this.listen();
  }

  open(data) {
    this.document = data.document;
    this.isAnswered = true;
    this.turns.forEach((turn) => clearTimeout(turn.timer));
    const letter = window.dataflowMailbox?.reclaim(data.document);
    const isGoingOn = lastSent.document === data.document;
    const turns = letter?.turns ?? (isGoingOn ? lastSent.turns : data.turns);
    this.turns = turns.map((fields) => new Turn(this, { ...fields }));
    this.draw();
    if (letter) this.send();
  }

  paint(stamp) {
    this.stamp = stamp;
    this.isAnswered = !this.timer;
    if (this.isAnswered) this.sendWish();
    requestAnimationFrame(() => {
      window.dataflowPainted = stamp;
      window.dispatchEvent(new CustomEvent('dataflow-painted', { detail: stamp }));
    });
  }

  listen() {
    const edit = () => this.isEditable && this.shown[0]?.focus();
    const leave = () => this.flush();
    window.addEventListener('dataflow-edit', edit);
    window.addEventListener('pagehide', leave);
    const observer = new ResizeObserver(() => this.shown.forEach((turn) => turn.fit()));
    if (!GROWS_BY_ITSELF) observer.observe(this.root);
    return () => {
      window.removeEventListener('dataflow-edit', edit);
      window.removeEventListener('pagehide', leave);
      observer.disconnect();
      // Called before each change of the data, too: then the pause goes on, else every answer would break it off.
      if (this.root.isConnected) return;
      this.flush();
      this.sendWish();
      this.leaveLetter();
    };
  }

  // -- what is sent

  get kept() {
    return this.turns.filter((turn) => !turn.isGone);
  }

  get shown() {
    return this.isSkeleton ? this.kept.filter((turn) => turn.role === 'user') : this.kept;
  }

  sendLater() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send(), PAUSE);
  }

  flush() {
    if (this.timer) this.send();
  }

  send(patience = PATIENCE) {
    clearTimeout(this.timer);
    clearTimeout(this.again);
    this.timer = 0;
    this.again = setTimeout(() => lastSent.at > this.received && this.send(2 * patience), patience);
    this.isAnswered = false;
    // By its time, the same edit sent again is heard again.
    const at = Math.max(Date.now(), lastSent.at + 1);
    lastSent = { document: this.document, turns: this.kept.map((turn) => ({ ...turn.fields })), at };
    this.setStateValue('edit', lastSent);
  }

  /** What was sent of a document that leaves the screen, and not answered, may be lost on its way. */
  leaveLetter() {
    clearTimeout(this.again);
    if (lastSent.document !== this.document || lastSent.at <= this.received) return;
    window.dataflowMailbox?.post(this.document, { turns: lastSent.turns });
  }

  regenerate(turn, andAfter, note) {
    this.flush();
    this.wish = { turn: this.kept.indexOf(turn), andAfter, note };
    if (this.isAnswered) this.sendWish();
    else this.wish.timer = setTimeout(() => this.sendWish(), ANSWER_TIME);
  }

  sendWish() {
    if (!this.wish) return;
    const { timer, ...wish } = this.wish;
    clearTimeout(timer);
    this.wish = null;
    this.isAnswered = true;
    this.setTriggerValue('regenerate', { stamp: this.stamp, ...wish });
  }

  // -- what is on screen

  draw() {
    const elements = this.turns
      .filter((turn) => turn.isGone || !this.isSkeleton || turn.role === 'user')
      .map((turn) => turn.shownAs);
    if (!this.shown.length && this.isEditable) elements.push(this.firstButton());
    elements.forEach((element, place) => {
      const there = this.list.children[place];
      if (there !== element) this.list.insertBefore(element, there ?? null); // the others keep caret and focus
    });
    while (this.list.children.length > elements.length) this.list.lastChild.remove();
    this.shown.forEach((turn, place) => turn.number(place + 1));
    this.check();
  }

  firstButton() {
    const add = make('button', 'first', { type: 'button', onclick: () => this.insert(this.turns.length, 'user') });
    add.append(icon('insert'), 'Add a turn');
    return add;
  }

  check() {
    const turns = this.shown;
    const problems = [];
    const odd = new Set();
    const note = (turn, sentence) => {
      odd.add(turn);
      problems.push(sentence);
    };
    turns.forEach((turn, place) => {
      if (!turn.text.trim()) note(turn, `Turn ${place + 1} is empty.`);
      if (this.isSkeleton) return;
      const before = turns[place - 1]?.role;
      if (before === turn.role) note(turn, `Turns ${place} and ${place + 1} are both by the ${turn.role}.`);
      if (place === 0 && turn.role !== 'user') note(turn, 'The assistant speaks first; the user should.');
      if (place === turns.length - 1 && turn.role !== 'assistant') note(turn, 'The last turn has no answer.');
    });
    if (!turns.length) problems.push('There is no turn.');
    turns.forEach((turn) => turn.mark(odd.has(turn)));
    const more = problems.length > 1 ? ` And ${problems.length - 1} more.` : '';
    const sentence = problems.length ? problems[0] + more : '';
    if (this.problem.textContent !== sentence) this.problem.textContent = sentence;
  }

  // -- what can be done with a turn

  next(turn, step = 1) {
    const shown = this.shown;
    return shown[shown.indexOf(turn) + step];
  }

  insert(place, role, value = '') {
    const turn = new Turn(this, { role, value });
    this.turns.splice(place, 0, turn);
    this.changed();
    turn.focus(0);
    return turn;
  }

  insertBelow(turn) {
    this.insert(this.turns.indexOf(turn) + 1, this.isSkeleton || turn.role === 'assistant' ? 'user' : 'assistant');
  }

  duplicate(turn) {
    this.insert(this.turns.indexOf(turn) + 1, turn.role, turn.text).focus();
  }

  remove(turn) {
    const nearest = this.next(turn) ?? this.next(turn, -1);
    const isTyping = turn.area.matches(':focus');
    turn.goAway();
    this.changed();
    if (isTyping && nearest) nearest.focus();
    else turn.undo.focus();
  }

  restore(turn) {
    turn.comeBack();
    this.changed();
    turn.focus();
  }

  forget(turn) {
    this.turns = this.turns.filter((other) => other !== turn);
    this.draw();
  }

  move(turn, step) {
    const other = this.next(turn, step);
    if (!other) return;
    const caret = turn.area.selectionStart;
    this.turns.splice(this.turns.indexOf(turn), 1);
    this.turns.splice(this.turns.indexOf(other) + (step > 0 ? 1 : 0), 0, turn);
    this.changed();
    turn.focus(caret);
  }

  split(turn) {
    const { selectionStart: caret, value } = turn.area;
    turn.write(value.slice(0, caret).trimEnd());
    this.insert(this.turns.indexOf(turn) + 1, turn.role, value.slice(caret).trimStart());
  }

  merge(turn) {
    const other = this.next(turn);
    if (!other) return;
    const caret = turn.text.length;
    turn.fields = { ...other.fields, ...turn.fields };
    turn.write([turn.text, other.text].filter(Boolean).join('\n\n'));
    this.turns.splice(this.turns.indexOf(other), 1);
    this.changed();
    turn.focus(caret);
  }

  switchRole(turn) {
    turn.fields.role = turn.role === 'user' ? 'assistant' : 'user';
    turn.name();
    this.changed();
  }

  changed() {
    this.draw();
    this.send();
  }
}

class Turn {
  constructor(editor, fields) {
    this.editor = editor;
    this.fields = fields; // besides role and value, whatever else it came with
    this.isGone = false;
    this.element = make('div', 'turn');
    this.element.setAttribute('role', 'group');
    this.place = make('span', 'place');
    this.roleName = make('span', 'role');
    this.head = make('div', 'head');
    this.head.append(this.place, this.roleName);
    this.area = make('textarea', '', { value: fields.value, rows: 1, spellcheck: true, dir: 'auto' });
    this.area.oninput = () => this.typed();
    this.area.onblur = () => editor.flush();
    this.area.onkeydown = (event) => this.press(event);
    this.tools = make('div', 'tools');
    this.regenerateTool = iconButton('regenerate', 'Regenerate this turn…', () => this.ask(false));
    this.more = iconButton('more', 'More', () => this.openMenu());
    this.more.setAttribute('aria-haspopup', 'menu');
    this.more.setAttribute('aria-expanded', 'false');
    this.tools.append(
      this.regenerateTool,
      iconButton('insert', 'Insert a turn below (Ctrl+Enter)', () => editor.insertBelow(this)),
      iconButton('remove', 'Delete this turn (Ctrl+Shift+Backspace)', () => editor.remove(this)),
      this.more,
    );
    this.element.append(this.head, this.area, this.tools);
    this.name();
    this.allow();
    if (!GROWS_BY_ITSELF) requestAnimationFrame(() => this.fit());
  }

  get role() {
    return this.fields.role;
  }

  get text() {
    return this.fields.value;
  }

  get shownAs() {
    return this.isGone ? this.undoLine : this.element;
  }

  get canRegenerateAlone() {
    return this.editor.canRegenerate && (this.role === 'assistant' || this.editor.isSkeleton);
  }

  name() {
    this.element.classList.toggle('user', this.role === 'user');
    this.element.classList.toggle('assistant', this.role !== 'user');
    this.roleName.textContent = ROLE_NAMES[this.role];
    if (this.position) this.number(this.position);
    this.allow();
  }

  number(position) {
    this.position = position;
    this.place.textContent = position;
    this.area.setAttribute('aria-label', `Turn ${position}, ${this.role}`);
    this.area.placeholder = this.role === 'user' ? 'What the user says' : 'What the assistant answers';
    this.element.setAttribute('aria-label', `Turn ${position}`);
  }

  allow() {
    this.area.readOnly = !this.editor.isEditable;
    this.tools.hidden = !this.editor.isEditable;
    this.regenerateTool.hidden = !this.canRegenerateAlone;
  }

  mark(isOdd) {
    if (this.isOdd === isOdd) return;
    this.isOdd = isOdd;
    this.element.classList.toggle('odd', isOdd);
    this.area.setAttribute('aria-invalid', isOdd);
  }

  fit() {
    if (GROWS_BY_ITSELF) return;
    this.area.style.height = 'auto';
    this.area.style.height = this.area.scrollHeight + 'px';
  }

  focus(caret = this.text.length) {
    this.area.focus();
    this.area.setSelectionRange(caret, caret);
  }

  write(text) {
    this.fields.value = text;
    this.area.value = text;
    this.fit();
  }

  typed() {
    this.fields.value = this.area.value;
    this.fit();
    this.editor.check();
    this.editor.sendLater();
  }

  press(event) {
    event.stopPropagation(); // letters are text here, not the page's shortcuts
    if (event.isComposing) return;
    const { editor } = this;
    const held = [(event.ctrlKey || event.metaKey) && 'Ctrl', event.altKey && 'Alt', event.shiftKey && 'Shift'];
    const act = {
      Escape: () => this.area.blur(),
      'Alt+ArrowUp': () => editor.next(this, -1)?.focus(),
      'Alt+ArrowDown': () => editor.next(this)?.focus(),
      ...(editor.isEditable && {
        'Alt+Shift+ArrowUp': () => editor.move(this, -1),
        'Alt+Shift+ArrowDown': () => editor.move(this, 1),
        'Ctrl+Enter': () => editor.insertBelow(this),
        'Ctrl+Shift+Enter': () => editor.split(this),
        'Ctrl+Shift+Backspace': () => editor.remove(this),
      }),
    }[[...held, event.key].filter(Boolean).join('+')];
    if (!act) return;
    event.preventDefault();
    act();
  }

  // -- deleted, and back

  goAway() {
    this.isGone = true;
    this.undoLine = make('div', 'gone');
    const act = () => this.editor.restore(this);
    this.undo = make('button', '', { type: 'button', textContent: 'Undo', onclick: act });
    this.undo.setAttribute('aria-label', `Undo: bring turn ${this.position} back`);
    this.undoLine.append(make('span', '', { textContent: 'Deleted' }), ' · ', this.undo);
    this.undoLine.setAttribute('role', 'status');
    const expire = () => {
      if (this.undo.matches(':focus-visible')) this.timer = setTimeout(expire, UNDO_TIME);
      else this.editor.forget(this);
    };
    this.timer = setTimeout(expire, UNDO_TIME);
  }

  comeBack() {
    clearTimeout(this.timer);
    this.isGone = false;
  }

  // -- the menu of all that can be done

  choices() {
    const { editor } = this;
    const { selectionStart: caret, value } = this.area;
    const isLast = !editor.next(this);
    const hasOneRole = editor.isSkeleton;
    return [
      ['Insert below', 'Ctrl Enter', () => editor.insertBelow(this)],
      ['Duplicate', '', () => editor.duplicate(this)],
      ['Move up', 'Alt Shift ↑', editor.next(this, -1) && (() => editor.move(this, -1))],
      ['Move down', 'Alt Shift ↓', !isLast && (() => editor.move(this, 1))],
      null,
      ['Split at the caret', 'Ctrl Shift Enter', caret > 0 && caret < value.length && (() => editor.split(this))],
      ['Merge with the next', '', !isLast && (() => editor.merge(this))],
      !hasOneRole && [`Switch to ${this.role === 'user' ? 'assistant' : 'user'}`, '', () => editor.switchRole(this)],
      editor.canRegenerate && null,
      this.canRegenerateAlone && ['Regenerate this turn…', '', () => this.ask(false)],
      editor.canRegenerate && [
        'Regenerate everything after it…',
        '',
        !isLast && (() => this.ask(true)),
      ],
      null,
      ['Delete', 'Ctrl Shift ⌫', () => editor.remove(this)],
    ].filter((choice) => choice !== false && choice !== undefined);
  }

  openMenu() {
    if (this.menu) return this.closeMenu();
    this.menu = make('div', 'menu');
    this.menu.setAttribute('role', 'menu');
    this.menu.setAttribute('aria-label', `Turn ${this.position}`);
    for (const choice of this.choices()) this.menu.append(choice ? this.choiceButton(...choice) : make('hr', ''));
    this.menu.onkeydown = (event) => this.pressInMenu(event);
    this.menu.onfocusout = (event) => {
      if (!this.menu?.contains(event.relatedTarget) && event.relatedTarget !== this.more) this.closeMenu();
    };
    this.tools.append(this.menu);
    this.element.classList.add('open');
    this.more.setAttribute('aria-expanded', 'true');
    const { top, bottom } = this.menu.getBoundingClientRect();
    const height = bottom - top;
    this.menu.classList.toggle('above', bottom > window.innerHeight && top > height + 40);
    this.menu.querySelector('button').focus();
  }

  choiceButton(label, keys, act) {
    const button = make('button', label === 'Delete' ? 'danger' : '', { type: 'button', disabled: !act });
    button.setAttribute('role', 'menuitem');
    button.append(make('span', '', { textContent: label }), make('kbd', '', { textContent: keys }));
    button.onclick = () => {
      this.closeMenu();
      this.more.focus(); // where focus stays, unless what is done moves it
      act();
    };
    return button;
  }

  pressInMenu(event) {
    event.stopPropagation();
    const buttons = [...this.menu.querySelectorAll('button:enabled')];
    const place = buttons.findIndex((button) => button.matches(':focus'));
    const target = {
      ArrowDown: buttons[(place + 1) % buttons.length],
      ArrowUp: buttons.at(place - 1),
      Home: buttons[0],
      End: buttons.at(-1),
      Escape: this.more,
    }[event.key];
    if (!target) return;
    event.preventDefault();
    target.focus();
    if (target === this.more) this.closeMenu();
  }

  closeMenu() {
    const { menu } = this;
    this.menu = null; // before it leaves the page, which moves the focus
    menu?.remove();
    this.element.classList.remove('open');
    this.more.setAttribute('aria-expanded', 'false');
  }

  // -- the note to a regeneration

  ask(andAfter) {
    this.form?.remove();
    const what = andAfter ? `Regenerate everything after turn ${this.position}` : `Regenerate turn ${this.position}`;
    const input = make('input', '', { type: 'text', placeholder: 'What should be different? (optional)', dir: 'auto' });
    input.setAttribute('aria-label', `${what}: a note`);
    const close = () => {
      this.form?.remove();
      this.form = null;
    };
    const cancel = () => {
      close();
      this.more.focus();
    };
    this.form = make('form', 'note');
    this.form.append(
      make('span', '', { textContent: what }),
      input,
      make('button', 'send', { type: 'submit', textContent: 'Regenerate' }),
      make('button', 'cancel', { type: 'button', textContent: 'Cancel', onclick: cancel }),
    );
    this.form.onsubmit = (event) => {
      event.preventDefault();
      close();
      this.editor.regenerate(this, andAfter, input.value);
    };
    this.form.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key === 'Escape') cancel();
    };
    this.element.append(this.form);
    input.focus();
  }
}
