const PAUSE = 400;
const PATIENCE = 3000;
const NARROW = 620;
const CURVE = 10;
const SVG = 'http://www.w3.org/2000/svg';
const WHAT = {
  atomic: ['Atomic', 'the task it all starts from'],
  parallel: ['Parallel', 'independent of the task'],
  subsequent: ['Subsequent', 'needs both results'],
  composition: ['Composition', 'one request for all three'],
};
const ROLES = Object.keys(WHAT);

const make = (tag, name, text = '') => {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
};
const makeSvg = (tag, attributes) => {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};

/* ---- one field: its label, its marks, its text, its findings ---- */

const drawFinding = (sentence) => {
  const line = make('li', '');
  const icon = makeSvg('svg', { viewBox: '0 0 16 16', 'aria-hidden': 'true' });
  icon.append(makeSvg('circle', { cx: 8, cy: 8, r: 6.2 }), makeSvg('path', { d: 'M8 4.8v3.8M8 11v.1' }));
  line.append(icon, make('span', '', sentence));
  return line;
};

const drawField = (field, role, index) => {
  const isOwn = field.role === 'own';
  const element = make('div', role === 'other' ? `other ${isOwn ? 'own' : ''}` : `task ${role}`);
  const area = make('textarea', '');
  area.id = `text-${index}`;
  area.rows = 1;
  area.spellcheck = true;
  area.placeholder = 'Empty';
  area.setAttribute('aria-describedby', `why-${index} findings-${index}`);

  const label = make('label', '');
  label.htmlFor = area.id;
  label.title = field.name;
  if (role === 'other') label.textContent = field.label || field.name;
  else label.append(make('b', '', WHAT[role][0]), ` · ${WHAT[role][1]}`);
  const stale = make('span', 'stale', 'Maybe stale');
  const changed = make('span', 'changed');
  changed.title = 'Edited';
  changed.setAttribute('role', 'img');
  changed.setAttribute('aria-label', 'Edited');
  const marks = make('span', 'marks');
  marks.append(stale, changed);
  const head = make('div', 'head');
  head.append(label, marks);

  const grow = make('div', 'grow');
  grow.append(area);
  const why = make('p', 'why');
  why.id = `why-${index}`;
  const findings = make('ul', 'findings');
  findings.id = `findings-${index}`;
  findings.setAttribute('aria-live', 'polite');
  element.append(head, grow, why, findings);
  return { name: field.name, role, element, area, grow, stale, changed, why, findings, known: null };
};

const setText = (view, text) => {
  view.area.value = text;
  view.grow.dataset.text = view.area.value;
};

/** Show what is known of the field around its text, which stays as it is. */
const patchField = (view, field, isEditable, isTouched) => {
  const { findings, stale, changed } = field;
  const known = JSON.stringify([findings, stale, changed || isTouched, isEditable]);
  if (view.known === known) return;
  view.known = known;
  view.area.readOnly = !isEditable;
  view.changed.hidden = !(changed || isTouched);
  view.stale.hidden = view.why.hidden = !stale;
  view.stale.title = view.why.textContent = stale;
  view.findings.hidden = !findings.length;
  view.findings.replaceChildren(...findings.map(drawFinding));
};

/* ---- the lines between the tasks ---- */

/** Down from (x, from), across at `turn`, and down to (to.x, to.y), if no line is there already. */
const elbow = (x, from, turn, to, isJoining) => {
  const side = Math.sign(to.x - x);
  const curve = Math.min(CURVE, turn - from, to.y - turn, Math.abs(to.x - x) / 2);
  const across = `M${x} ${from}V${turn - curve}Q${x} ${turn} ${x + side * curve} ${turn}`;
  if (isJoining) return `${across}H${to.x}`;
  return `${across}H${to.x - side * curve}Q${to.x} ${turn} ${to.x} ${turn + curve}V${to.y}`;
};
const downHead = ({ x, y }) => `M${x - 4} ${y - 6}L${x} ${y - 1.5}L${x + 4} ${y - 6}`;

const wideLines = ({ atomic, parallel, subsequent, composition }) => {
  const lines = [];
  const above = [atomic, parallel].filter(Boolean);
  const draw = (name, path) => lines.push(makeSvg('path', { class: name, d: path }));
  const lead = (name, target, starts) => {
    const to = { x: target.x + target.width / 2, y: target.y - 2 };
    const turn = target.y - 17;
    const isAbove = ([x]) => Math.abs(x - to.x) < 2;
    const isJoining = starts.some(isAbove);
    for (const start of starts) {
      const [x, y] = start;
      draw(name, isAbove(start) ? `M${to.x} ${y}V${to.y}` : elbow(x, y, turn, to, isJoining));
    }
    if (starts.length) draw(`${name} head`, downHead(to));
  };
  if (subsequent) lead('needs', subsequent, above.map((box) => [box.x + box.width / 2, box.y + box.height]));
  if (composition) {
    const starts = above.map((box) => {
      if (!subsequent) return [box.x + box.width / 2, box.y + box.height];
      const x = box === atomic ? subsequent.x / 2 : box.x + box.width - subsequent.x / 2;
      return [x, box.y + box.height];
    });
    if (subsequent) starts.push([composition.x + composition.width / 2, subsequent.y + subsequent.height]);
    lead('asks', composition, starts);
  }
  return lines;
};

const narrowLines = (boxes) => {
  const places = ROLES.filter((role) => boxes[role]).map((role) => ({ role, y: boxes[role].y + 20, x: boxes[role].x }));
  if (places.length < 2) return [];
  const rail = `M8 ${places[0].y}V${places.at(-1).y}`;
  return [
    makeSvg('path', { d: rail }),
    ...places.flatMap(({ y, x }) => [
      makeSvg('path', { d: `M12 ${y}H${x - 2}` }),
      makeSvg('circle', { cx: 8, cy: y, r: 4 }),
    ]),
  ];
};

const drawLines = ({ relations, lines, views }) => {
  const isNarrow = relations.clientWidth < NARROW;
  relations.classList.toggle('narrow', isNarrow);
  const origin = relations.getBoundingClientRect();
  const boxes = {};
  for (const { role, element } of views) {
    if (role === 'other') continue;
    const { left, top, width, height } = element.getBoundingClientRect();
    boxes[role] = { x: left - origin.left, y: top - origin.top, width, height };
  }
  lines.replaceChildren(...(isNarrow ? narrowLines(boxes) : wideLines(boxes)));
};

/* ---- the record ---- */

const flush = (card) => {
  if (!card.timer) return;
  clearTimeout(card.timer);
  card.timer = 0;
  tell(card);
};

/** Told with the edits before it that nobody has answered yet, until one does: a server that starts again may not have
 * known what to make of it. */
const tell = (card, patience = PATIENCE) => {
  card.number += 1;
  card.edit.number = card.number;
  card.edits = [...card.edits.filter((edit) => edit !== card.edit), card.edit];
  card.send({ number: card.number, edits: card.edits.map(({ document, texts }) => ({ document, texts: { ...texts } })) });
  clearTimeout(card.again);
  card.again = setTimeout(() => card.number > card.received && tell(card, 2 * patience), patience);
};

/** What is told while the card is taken off the page may be lost on its way. */
const leaveLetters = (card) => {
  const isUnanswered = ({ number }) => number > card.received;
  for (const { document, texts } of card.edits.filter(isUnanswered)) {
    window.dataflowMailbox?.post(document, { texts: { ...texts } });
  }
};

const typed = (card, edit, view) => {
  view.grow.dataset.text = view.area.value;
  edit.texts[view.name] = view.area.value;
  view.changed.hidden = false;
  clearTimeout(card.timer);
  card.timer = setTimeout(() => flush(card), PAUSE);
};

const pressed = (card, view, event) => {
  event.stopPropagation();  // letters are text here, not the page's shortcuts
  if (event.isComposing) return;
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (event.key === 'Escape') {
    event.preventDefault();
    view.area.blur();
  } else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    flush(card);
  } else if (step && event.altKey) {
    event.preventDefault();
    card.views[card.views.indexOf(view) + step]?.area.focus();
  }
};

/** Of two fields with one place in the structure the first has it. */
const places = (fields) => {
  const taken = new Set();
  const placed = fields.map((field) => {
    const role = ROLES.includes(field.role) && !taken.has(field.role) ? field.role : 'other';
    taken.add(role);
    return { field, role };
  });
  const rank = (role) => (role === 'other' ? ROLES.length : ROLES.indexOf(role));
  return placed.sort((one, two) => rank(one.role) - rank(two.role));
};

const draw = (card, root, data) => {
  flush(card);  // of the document that goes, under its own name
  card.document = data.document;
  // What was typed into this document before, and may be on its way still, stays.
  const edit = card.edits.find(({ document }) => document === data.document)
    || { document: data.document, texts: Object.assign(Object.create(null), data.edited), number: 0 };
  const letter = window.dataflowMailbox?.reclaim(data.document);
  if (letter) Object.assign(edit.texts, letter.texts);
  card.edit = edit;
  card.views = places(data.fields).map(({ field, role }, index) => {
    const view = drawField(field, role, index);
    setText(view, edit.texts[field.name] ?? field.text);
    view.area.oninput = () => typed(card, edit, view);
    view.area.onblur = () => flush(card);
    view.area.onkeydown = (event) => pressed(card, view, event);
    return view;
  });

  const tasks = card.views.filter(({ role }) => role !== 'other');
  const others = card.views.filter(({ role }) => role === 'other');
  card.relations = make('div', 'relations');
  card.lines = makeSvg('svg', { class: 'lines', 'aria-hidden': 'true' });
  if (tasks.length) card.relations.append(card.lines, ...tasks.map(({ element }) => element));
  const byRole = Object.fromEntries(tasks.map((view) => [view.role, view.element]));
  if (byRole.atomic && byRole.parallel) {
    const beside = make('div', 'beside');
    beside.append(make('i', ''), make('span', '', 'parallel'));
    byRole.atomic.after(beside);
  } else {
    (byRole.atomic || byRole.parallel)?.classList.add('alone');
  }
  const list = make('div', 'others');
  list.append(...others.map(({ element }) => element));
  list.hidden = !others.length;
  root.replaceChildren(card.relations, list);
  if (letter) tell(card);
};

const patch = (card, data) => {
  // An edit of a document that is gone need not be told again once it has arrived.
  card.edits = card.edits.filter((edit) => edit === card.edit || edit.number > data.received);
  card.received = data.received;
  const fields = new Map(data.fields.map((field) => [field.name, field]));
  for (const view of card.views) {
    const field = fields.get(view.name);
    if (field) patchField(view, field, data.isEditable, view.name in card.edit.texts);
  }
};

const announce = (card, stamp) => {
  if (card.stamp === stamp) return;
  card.stamp = stamp;
  requestAnimationFrame(() => {
    if (card.stamp !== stamp) return;
    window.dataflowPainted = stamp;
    window.dispatchEvent(new CustomEvent('dataflow-painted', { detail: stamp }));
  });
};

const watch = (card) => {
  if (card.stop) return;
  const focusFirst = () => card.views.find(({ area }) => !area.readOnly)?.area.focus();
  const leave = () => flush(card);
  window.addEventListener('dataflow-edit', focusFirst);
  document.addEventListener('visibilitychange', leave);
  card.observer = new ResizeObserver(() => drawLines(card));
  card.stop = () => {
    window.removeEventListener('dataflow-edit', focusFirst);
    document.removeEventListener('visibilitychange', leave);
    card.observer.disconnect();
    card.stop = null;
    card.observed = null;
  };
};

const observe = (card) => {
  if (card.observed === card.relations) return;
  card.observed = card.relations;
  card.observer.disconnect();
  card.observer.observe(card.relations);
  card.views.forEach(({ element }) => card.observer.observe(element));
};

export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector('.record');
  const card = root.card
    || (root.card = { document: null, edits: [], edit: null, number: 0, received: 0, timer: 0, views: [] });
  card.send = (value) => setStateValue('edit', value);
  card.number = Math.max(card.number, data.received);

  watch(card);
  if (card.document !== data.document) draw(card, root, data);  // never the same one under the caret
  patch(card, data);
  drawLines(card);
  observe(card);
  announce(card, data.stamp);
  return () => {
    card.stop?.();
    // Called before each change of the data, too: then the pause goes on.
    if (root.isConnected) return;
    flush(card);
    clearTimeout(card.again);
    leaveLetters(card);
  };
}
