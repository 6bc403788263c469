const make = (tag, name, text) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
};

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector('.shares');
  const shown = JSON.stringify(data.parts);
  if (root.shown === shown) return;
  root.shown = shown;
  const bar = make('div', 'bar');
  bar.setAttribute('aria-hidden', 'true');
  const legend = make('ul');
  for (const [label, count, share, tone] of data.parts) {
    const piece = make('span', tone);
    piece.style.flexGrow = share;
    if (share > 0) bar.append(piece);
    const item = make('li');
    item.append(make('i', tone), make('span', 'label', label), make('b', '', count));
    legend.append(item);
  }
  root.replaceChildren(bar, legend);
}
