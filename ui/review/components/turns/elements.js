// What the turns are drawn with.

const ICONS = {
  insert: 'M8 3.5v9M3.5 8h9',
  remove: 'M3 4.5h10M6.3 4.5V3h3.4v1.5M4.4 4.5l.6 8.5h6l.6-8.5',
  regenerate: 'M13 8a5 5 0 1 1-1.6-3.7M13.2 2.3v2.9h-2.9',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  finding: 'M8 2.5 14 13H2zM8 6.5v3M8 11.2h.01',
};

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
