const ICON = 'M8 2.5v7.5M4.8 7 8 10.2 11.2 7M3 13h10';

const make = (tag, name, text) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
};

const icon = () => {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', ICON);
  svg.append(path);
  return svg;
};

const row = ({ name, about, size, href, gone, isMain }) => {
  const item = make('li', isMain ? 'main' : '');
  const said = make('div', 'said');
  if (about) said.append(make('div', 'about', about));
  const file = make('div', 'file');
  file.append(make('span', 'name', name));
  if (size) file.append(make('span', 'size', size));
  said.append(file);
  item.append(said);
  if (href) {
    const link = make('a', 'take');
    link.href = href;
    link.download = name;
    link.setAttribute('aria-label', `Download ${name}`);
    link.append(icon(), make('span', '', 'Download'));
    item.append(link);
  } else {
    item.append(make('span', 'gone', gone));
  }
  return item;
};

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector('.files');
  const shown = JSON.stringify(data.rows);
  if (root.shown === shown) return;
  root.shown = shown;
  const list = make('ul');
  list.append(...data.rows.map(row));
  root.replaceChildren(list);
}
