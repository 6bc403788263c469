const PATIENCE = 10_000; // after so long without an answer the bar says so
const LETTERS = {
  a: 'accept', x: 'reject', f: 'flag', g: 'regenerate', u: 'undo', j: 'next', k: 'previous', t: 'table',
  e: 'edit', y: 'take', n: 'keep', '?': 'help',
};
const MOMENT = 'One moment…';
const CALLED = {
  accept: 'Accept', reject: 'Reject', flag: 'Flag', regenerate: 'Regenerate', undo: 'Undo', next: 'Next',
  previous: 'Previous', table: 'Table', edit: 'Edit', take: 'Use', keep: 'Keep',
};
const DECIDED = { accept: 'accepted', reject: 'rejected', flag: 'flagged' };
const EXPLAINED = [
  ['A', 'Accept'], ['X', 'Reject'], ['F', 'Flag'], ['E', 'Edit'],
  ['G', 'Regenerate', (data) => data.can_regenerate],
  ['Y', 'Use the proposed text', (data) => data.proposal && data.is_takeable],
  ['N', 'Keep the present text', (data) => data.proposal],
  ['U', 'Undo'], ['J', 'Next record'], ['K', 'Previous record'], ['T', 'Table'], ['?', 'These keys'],
];
const TYPING =
  'textarea, select, dialog[open], input:not([type=checkbox], [type=radio], [type=button], [type=submit], [type=reset], ' +
  '[type=range], [type=color], [type=file]), [role=textbox], [role=searchbox], [role=combobox], [role=listbox], ' +
  '[role=menu], [role=grid], [role=tree], [data-testid=stDataFrame]';
const COVERS = '[role=dialog], [role=alertdialog], [data-testid=stPopoverBody]';

/** The letter or digit that was meant, "" for none of the bar's. */
function keyOf({ key, code, shiftKey }) {
  if (/^[a-z1-9?]$/i.test(key)) return key.toLowerCase();
  // Some layouts have their digits only under Shift, others have no Latin letters: there the key's place counts.
  if (/^Digit[1-9]$/.test(code) && !shiftKey) return code.slice(5);
  const isOtherScript = /[^\x00-\x7f]/.test(key) || key === 'Process' || key === 'Unidentified';
  return isOtherScript && /^Key[A-Z]$/.test(code) ? code.slice(3).toLowerCase() : '';
}

/** Whether the key belongs to what has the focus; components have shadow roots, so the path is looked through. */
function isTyping(event) {
  return event
    .composedPath()
    .some((node) => node instanceof Element && (node.isContentEditable || node.matches(TYPING)));
}

function isCovered() {
  return [...document.querySelectorAll(COVERS)].some((cover) => cover.getClientRects().length);
}

function made(name, text, className = '') {
  const element = document.createElement(name);
  element.textContent = text;
  element.className = className;
  return element;
}

class Bar {
  constructor(root) {
    this.root = root;
    this.data = null;
    this.sent = null; // the press that waits for its answer
    this.isNoteDue = false; // sent by its author, and waiting for the text that it is about
    this.held = ''; // the key that is down since it was heard
    this.timers = {};
    this.drawnReasons = '';
    this.drawnKeys = '';
    this.help = this.find('dialog');
    this.note = this.find('form');
    this.input = this.find('form input');
    this.listen();
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  listen() {
    this.onKey = (event) => this.hear(event);
    this.onPainted = () => this.settle();
    this.onHeld = (event) => this.hold(event);
    this.onAsked = (event) => this.data && this.act(event.detail); // a button of what is shown beside the bar
    document.addEventListener('keydown', this.onKey);
    window.addEventListener('keydown', this.onHeld, true);
    window.addEventListener('dataflow-press', this.onAsked);
    window.addEventListener('dataflow-painted', this.onPainted);
    this.root.querySelectorAll('[data-action]').forEach((button) => {
      button.onclick = () => this.act(button.dataset.action);
    });
    this.find('.help').onclick = () => this.showHelp();
    this.find('.close').onclick = () => this.help.close();
    this.help.onclick = (event) => event.target === this.help && this.help.close();
    this.find('.more').onclick = () => this.showReasons(!this.root.classList.contains('reasoning'));
    this.find('.cancel').onclick = () => this.closeNote();
    this.note.onsubmit = (event) => {
      event.preventDefault();
      this.sendNote();
    };
    this.note.onkeydown = (event) => {
      event.stopPropagation(); // letters are text here
      if (event.key === 'Escape') this.closeNote();
      if (event.key === 'Enter' && (event.repeat || event.isComposing)) event.preventDefault();
    };
  }

  remove() {
    document.removeEventListener('keydown', this.onKey);
    window.removeEventListener('keydown', this.onHeld, true);
    window.removeEventListener('dataflow-press', this.onAsked);
    window.removeEventListener('dataflow-painted', this.onPainted);
    Object.values(this.timers).forEach(clearTimeout);
  }

  // What is on screen, and whether a press may be heard

  get isPainted() {
    const { stamp, is_decidable: isDecidable } = this.data;
    return !stamp || !isDecidable || window.dataflowPainted === stamp;
  }

  update(data, send) {
    const { data: before, sent } = this;
    this.data = data;
    this.send = send;
    if (before && before.stamp !== data.stamp && before.place !== data.place) this.closeNote(); // it was for another
    if (sent && data !== before && (sent.isOverdue || data.turn !== sent.turn)) this.unlock();
    this.draw();
    this.settle();
  }

  settle() {
    const { sent, data } = this;
    if (sent && data.stamp !== sent.stamp && this.isPainted) this.unlock();
    if (this.isNoteDue) this.sendNote();
  }

  unlock() {
    const { action, stamp } = this.sent;
    const status = DECIDED[action];
    const isDecided = status && (this.data.stamp !== stamp || this.data.status === status);
    this.sent = null;
    clearTimeout(this.timers.patience);
    this.say('');
    this.root.classList.remove('waiting');
    this.root.querySelectorAll('.pending').forEach((button) => button.classList.remove('pending'));
    if (isDecided) this.flash(status);
  }

  /** Why the press can't be heard, "" if it can. */
  objection(action) {
    const { data } = this;
    const isEarly = !this.isPainted && action !== 'regenerate'; // its note may be written, and goes off then
    if (this.sent || isEarly) return MOMENT;
    if (action === 'undo' && !data.undo_label) return 'Nothing to undo';
    if (action === 'next' && !data.has_next) return 'This is the last record';
    if (action === 'previous' && !data.has_previous) return 'This is the first record';
    if (action === 'regenerate' && !data.can_regenerate) return 'This record can’t be regenerated';
    if (action === 'take' || action === 'keep') return this.objectionToProposal(action);
    const isDecision = action in DECIDED || action === 'regenerate';
    return isDecision && !data.is_decidable ? 'Nothing to decide now' : '';
  }

  objectionToProposal(action) {
    const { proposal, is_takeable: isTakeable } = this.data;
    if (!proposal) return 'No other text is proposed';
    if (window.dataflowProposed !== proposal) return MOMENT;
    return action === 'take' && !isTakeable ? 'It was written for an earlier text: N puts it away' : '';
  }

  isHeard(action) {
    const objection = this.objection(action);
    // A press is not kept for a text that was not seen yet; which one was not taken is told.
    if (objection) this.ignore(objection === MOMENT ? `${MOMENT} ${CALLED[action]} was not taken` : objection);
    return !objection;
  }

  // Keys and buttons

  /** Held down, a key that opens a field would go on and write into it. */
  hold(event) {
    if (!event.repeat) this.held = '';
    else if (this.held && event.code === this.held) event.preventDefault();
  }

  hear(event) {
    if (event.defaultPrevented || event.repeat || event.isComposing) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = keyOf(event);
    if (this.help.open) {
      if (key === '?') this.help.close();
      return;
    }
    if (!key || !this.data || isTyping(event) || isCovered()) return;
    event.preventDefault(); // the letter does not go into the field that it opens
    this.held = event.code;
    if (key in LETTERS) this.act(LETTERS[key]);
    else if (/[1-9]/.test(key)) this.rejectFor(Number(key));
  }

  act(action) {
    if (action === 'help') this.showHelp();
    else if (action === 'edit') this.isHeard('edit') && window.dispatchEvent(new CustomEvent('dataflow-edit'));
    else if (action === 'regenerate') this.isHeard(action) && this.openNote();
    else this.press(action);
  }

  rejectFor(number) {
    const reason = this.data.reasons[number - 1];
    if (reason === undefined) this.ignore(`There is no reason ${number}`);
    else this.press('reject', { reason });
  }

  press(action, { reason = '', note = '' } = {}) {
    if (!this.isHeard(action)) return;
    const { stamp, turn, proposal } = this.data;
    const isAboutProposal = action === 'take' || action === 'keep';
    this.sent = { action, stamp, turn, isOverdue: false };
    this.closeNote();
    this.showReasons(false);
    this.say('');
    this.root.classList.add('waiting');
    this.find(`[data-action="${action}"]`)?.classList.add('pending');
    this.timers.patience = setTimeout(() => {
      this.sent.isOverdue = true;
      this.say('The server does not answer. If this stays, reload the page.');
    }, PATIENCE);
    this.send({ action, stamp: isAboutProposal ? proposal : stamp, reason, note });
  }

  openNote() {
    this.note.hidden = false;
    this.input.focus();
  }

  /** At once, or as soon as the text is painted that the note is about. */
  sendNote() {
    this.isNoteDue = Boolean(this.sent) || !this.isPainted;
    if (!this.isNoteDue) this.press('regenerate', { note: this.input.value.trim() });
    else if (!this.sent?.isOverdue) this.say(`${MOMENT} The note is sent then`);
  }

  closeNote() {
    if (this.isNoteDue) this.say('');
    this.isNoteDue = false;
    if (this.note.hidden) return;
    this.input.value = '';
    this.root.getRootNode().activeElement?.blur(); // the keys are the bar's again
    this.note.hidden = true;
  }

  showHelp() {
    if (!this.help.open) this.help.showModal();
  }

  showReasons(isShown) {
    this.root.classList.toggle('reasoning', isShown);
    this.find('.more').setAttribute('aria-expanded', String(isShown));
  }

  // Looks

  say(text, time = 0) {
    clearTimeout(this.timers.message);
    this.find('.message').textContent = text;
    if (time) this.timers.message = setTimeout(() => this.say(''), time);
  }

  /** Show for a moment that a press was not heard, or how it was answered. */
  show(name, time) {
    clearTimeout(this.timers[name]);
    this.root.classList.remove(name);
    void this.root.offsetWidth; // lets the animation start anew
    this.root.classList.add(name);
    this.timers[name] = setTimeout(() => this.root.classList.remove(name), time);
  }

  ignore(why) {
    this.show('ignored', 400);
    if (!this.sent?.isOverdue) this.say(why, 1200);
  }

  flash(status) {
    Object.values(DECIDED).forEach((other) => this.root.classList.remove(other));
    this.show(status, 450);
  }

  explain(list, key, meaning) {
    const term = document.createElement('dt');
    term.append(made('kbd', key));
    this.find(list).append(term, made('dd', meaning));
  }

  draw() {
    const { data } = this;
    const isOff = {
      accept: !data.is_decidable,
      reject: !data.is_decidable,
      flag: !data.is_decidable,
      regenerate: !data.is_decidable || !data.can_regenerate,
      undo: !data.undo_label,
      previous: !data.has_previous,
      next: !data.has_next,
    };
    for (const [action, off] of Object.entries(isOff)) {
      const button = this.find(`[data-action="${action}"]`);
      button.disabled = off;
      if (action in DECIDED) button.setAttribute('aria-pressed', String(data.status === DECIDED[action]));
    }
    this.find('[data-action="regenerate"]').hidden = !data.can_regenerate;
    this.find('.undo').title = data.undo_label;
    this.find('.previous').title = 'Previous (K)';
    this.find('.next').title = 'Next (J)';
    this.find('.place').textContent = data.place;
    this.find('.progress').textContent = data.progress;
    this.find('.hint').textContent = data.regenerate_hint;
    this.drawKeys();
    this.drawReasons();
  }

  drawKeys() {
    const known = EXPLAINED.filter(([, , isOn]) => !isOn || isOn(this.data));
    const drawn = known.map(([key]) => key).join();
    if (drawn === this.drawnKeys) return;
    this.drawnKeys = drawn;
    this.find('.actions').replaceChildren();
    known.forEach(([key, meaning]) => this.explain('.actions', key, meaning));
  }

  drawReasons() {
    const { reasons, is_decidable: isDecidable } = this.data;
    const drawn = JSON.stringify([reasons, isDecidable]);
    if (drawn === this.drawnReasons) return;
    this.drawnReasons = drawn;
    const chips = reasons.map((reason, position) => {
      const chip = made('button', '', 'reason');
      chip.type = 'button';
      chip.disabled = !isDecidable;
      chip.setAttribute('aria-label', `Reject: ${reason}`);
      if (position < 9) {
        const cap = made('kbd', position + 1);
        cap.setAttribute('aria-hidden', 'true');
        chip.append(cap);
      }
      chip.append(made('span', reason));
      chip.onclick = () => this.press('reject', { reason });
      return chip;
    });
    this.find('.reasons').replaceChildren(...chips);
    this.find('.numbers').replaceChildren();
    reasons.slice(0, 9).forEach((reason, position) => this.explain('.numbers', position + 1, reason));
    this.root.classList.toggle('no-reasons', !reasons.length);
  }
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector('.bar');
  root.bar ||= new Bar(root);
  root.bar.update(data, (press) => setTriggerValue('press', press));
  return () => root.bar.remove();
}
