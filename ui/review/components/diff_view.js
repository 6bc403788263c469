const MOST_WORDS = 40;    // of an unchanged stretch that is shown whole
const WORDS_AROUND = 10;  // that stay on each side of a fold
const MOST_PIECES = 1000; // of a field, before the rest has to be asked for
const BY_CHARACTER = '\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u3040-\\u30ff\\u3400-\\u9fff\\uac00-\\ud7a3';
const WORD = new RegExp(`[${BY_CHARACTER}]|[^\\s${BY_CHARACTER}]+`, 'g');

const make = (tag, name, text) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
};

/* A button that gives its place to what `reveal` returns; the focus goes there too. */
const opener = (text, label, reveal) => {
  const button = make('button', 'open', text);
  button.type = 'button';
  button.title = label;
  button.setAttribute('aria-label', label);
  button.onclick = () => {
    const revealed = make('span');
    revealed.tabIndex = -1;
    revealed.append(...reveal());
    button.replaceWith(revealed);
    revealed.focus({ preventScroll: true });
  };
  return button;
};

/* The middle of a long unchanged stretch is folded; at the text's ends there is nothing to keep on the far side. */
const unchanged = (text, isFirst, isLast) => {
  const words = [...text.matchAll(WORD)];
  const before = isFirst ? 0 : WORDS_AROUND;
  const after = isLast ? 0 : WORDS_AROUND;
  if (words.length <= MOST_WORDS) return [document.createTextNode(text)];
  const start = before ? words[before - 1].index + words[before - 1][0].length : 0;
  const end = after ? words[words.length - after].index : text.length;
  const middle = text.slice(start, end);
  const count = words.length - before - after;
  return [
    document.createTextNode(text.slice(0, start) + (start ? ' ' : '')),
    opener('…', `Show ${count.toLocaleString('en')} unchanged words`, () => [document.createTextNode(middle)]),
    document.createTextNode((after ? ' ' : '') + text.slice(end)),
  ];
};

/* Line breaks that came or went are drawn as a sign, or nobody would see them; those that are gone break no line. */
const changed = (kind, text) => {
  const element = make(kind === 'removed' ? 'del' : 'ins');
  if (!text) {
    element.append(make('em', '', 'empty turn'));
    return element;
  }
  const isBlank = !text.trim();
  if (isBlank) element.className = 'blank';
  text.split(/(\n)/).forEach((part) => {
    if (part !== '\n') {
      element.append(document.createTextNode(part));
      return;
    }
    const sign = make('span', 'sign', '↵');
    sign.setAttribute('aria-hidden', 'true');
    element.append(sign);
    if (kind === 'added' || !isBlank) element.append(document.createTextNode('\n'));
  });
  return element;
};

/* The decision bar does what is chosen: it knows whether a press may be heard now. */
const choiceButton = ({ action, label, letter }) => {
  const button = make('button', action);
  const cap = make('kbd', '', letter);
  button.type = 'button';
  button.setAttribute('aria-label', label);
  button.setAttribute('aria-keyshortcuts', letter);
  cap.setAttribute('aria-hidden', 'true');
  button.append(make('span', '', label), cap);
  button.onclick = () => window.dispatchEvent(new CustomEvent('dataflow-press', { detail: action }));
  return button;
};

const showChoices = (place, choices) => {
  const drawn = JSON.stringify(choices);
  if (place.drawn === drawn) return;
  place.drawn = drawn;
  place.hidden = !choices.length;
  place.replaceChildren(...choices.map(choiceButton));
};

let announcer = null; // what is on screen; one that leaves it may go only after the next one has come

const announce = (root, stamp) =>
  requestAnimationFrame(() => {
    if (!root.isConnected) return;
    announcer = root;
    window.dataflowProposed = stamp;
  });

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector('.diffs');
  showDiffs(root, data);
  showChoices(parentElement.querySelector('.choices'), data.choices);
  if (!data.stamp) return undefined;
  announce(root, data.stamp);
  return () => {
    // Called before each change of the data, too. What has left the screen must be painted again to be decided.
    if (!root.isConnected && announcer === root) window.dataflowProposed = '';
  };
}

function showDiffs(root, data) {
  if (root.shown === data.document && root.isFolded === data.isFolded) return; // what was opened stays open
  root.shown = data.document;
  root.isFolded = data.isFolded;

  const draw = (pieces, from) => {
    const to = pieces.length > from + MOST_PIECES * 1.2 ? from + MOST_PIECES : pieces.length;
    const nodes = pieces.slice(from, to).flatMap(([kind, text], place) => {
      if (kind !== 'same') return [changed(kind, text)];
      if (!data.isFolded) return [document.createTextNode(text)];
      return unchanged(text, from + place === 0, from + place === pieces.length - 1);
    });
    if (to < pieces.length) nodes.push(opener('… Show more changes', 'Show more changes', () => draw(pieces, to)));
    return nodes;
  };

  const fields = JSON.parse(data.document).map(([name, pieces]) => {
    const field = make('div', 'field');
    field.setAttribute('role', 'group');
    field.setAttribute('aria-label', name);
    const text = make('div', 'text');
    text.append(...draw(pieces, 0));
    field.append(make('div', 'name', name), text);
    return field;
  });
  root.replaceChildren(...(fields.length ? fields : [make('div', 'name', 'No differences')]));
}
