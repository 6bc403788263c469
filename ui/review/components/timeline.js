const make = (tag, name, text) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
};

const entry = ([who, what, detail, versions, tone]) => {
  const item = make('li', tone);
  const said = make('div');
  said.append(make('span', 'who', who), ` ${what}`);
  if (detail) said.append(make('span', 'detail', ` · ${detail}`));
  const when = make('div', 'when');
  when.append(make('time'));
  if (versions) when.append(make('span', '', `· ${versions}`));
  item.append(said, when);
  return item;
};

const tell = (root, times) => {
  root.querySelectorAll('time').forEach((time, place) => {
    const [at, ago] = times[place];
    time.dateTime = at;
    time.title = new Date(at).toLocaleString();
    time.textContent = ago;
  });
};

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector('.timeline');
  if (root.shown !== data.document) {
    root.shown = data.document;
    const items = JSON.parse(data.document).map(entry);
    const list = make('ol');
    list.append(...items);
    root.replaceChildren(list);
    items.at(-1)?.classList.add('last');
    const older = items.slice(data.shown);
    if (older.length > 1) {
      older.forEach((item) => { item.hidden = true; });
      const button = make('button', 'older', `Show ${older.length.toLocaleString('en')} earlier`);
      button.type = 'button';
      button.onclick = () => {
        older.forEach((item) => { item.hidden = false; });
        button.remove();
        older[0].tabIndex = -1;
        older[0].focus({ preventScroll: true });
      };
      root.append(button);
    }
  }
  tell(root, data.times);
}
