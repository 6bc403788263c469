// One turn: its text, its tools, and what keys do in it.

const UNDO_TIME = 6000; // ms that a deleted turn can be brought back
const GROWS_BY_ITSELF = CSS.supports('field-sizing', 'content');
const ROLE_NAMES = { user: 'User', assistant: 'Assistant' };

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
    this.regenerateTool = iconButton('regenerate', 'Regenerate this turn…', () => askForNote(this, false));
    this.menu = new TurnMenu(this);
    this.more = iconButton('more', 'More', () => this.menu.toggle());
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
}
