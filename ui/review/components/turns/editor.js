// A conversation, every turn of it a text area. What is typed is sent after a pause, and whenever the text is left.

const PAUSE = 400; // ms after the last key
const PATIENCE = 3000; // ms until what nobody answers is sent again
const ANSWER_TIME = 1500; // ms that a wish to regenerate waits until what was typed before it is saved

// A component that is mounted anew goes on with what was typed into the one before it.
let lastSent = { document: null, turns: [], at: 0 };

export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  const root = parentElement.querySelector('.editor');
  root.editor ??= new Editor(root);
  return root.editor.show(data, setStateValue, setTriggerValue);
}

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
