// One page of rows to tick. What is ticked lives in Python: this file only sends commands.

function drawFilters(bar, face, send) {
  for (const [name, facet] of Object.entries(face.facets)) {
    let select = bar.querySelector(`[data-facet='${name}']`);
    if (!select) {
      select = make('select', { className: `kf-filter kf-filter-${name}`, dataset: { facet: name } });
      select.addEventListener('change', (event) => send('filter', { name, choice: event.target.value }));
      bar.append(labelled(facet.label, select));
    }
    fillOptions(select, [['', 'all'], ...facet.choices.map((text) => [text, text])]);
  }
}

function tickBar(send, noun) {
  const actions = [
    ['tick_matching', 'tick-matching', 'Tick all'],
    ['tick_page', 'tick-page', 'Tick this page'],
    ['invert', 'invert', 'Invert'],
    ['clear', 'clear', 'Untick all'],
    ['undo', 'undo-tick', 'Undo tick'],
  ];
  const bar = make('div', { className: 'kf-bar', role: 'group', aria: { label: `Tick ${noun}` } });
  for (const [type, name, text] of actions) bar.append(button(text, `kf-small kf-${name}`, () => send(type)));
  return bar;
}

function tableHead(face, send) {
  const row = make('tr', {}, make('th', { scope: 'col', className: 'kf-tick' }, make('span', { className: 'kf-unseen', textContent: 'Ticked' })));
  for (const { name, label } of face.columns) {
    const sort = button(label, 'kf-sort', () => send('sort', { column: name }));
    sort.title = `Sort by ${label}`;
    row.append(make('th', { scope: 'col', dataset: { column: name } }, sort));
  }
  return make('thead', {}, row);
}

function pager(send) {
  const where = make('span', { className: 'kf-where' });
  const previous = button('Previous page', 'kf-small kf-previous', () => send('turn', { step: -1 }));
  const next = button('Next page', 'kf-small kf-next', () => send('turn', { step: 1 }));
  return make('div', { className: 'kf-bar kf-pager' }, previous, where, next);
}

function emptyRow(columns, id, send) {
  const box = holdPress(make('input', { type: 'checkbox', id, tabIndex: -1 }));
  box.addEventListener('change', () => send('tick', { key: box.dataset.key, on: box.checked }));
  const name = make('th', { scope: 'row' }, make('label', { htmlFor: id }));
  const cells = columns.slice(1).map(({ name: column }) => make('td', { className: `kf-column-${column}` }));
  return make('tr', {}, make('td', { className: 'kf-tick' }, box), name, ...cells);
}

// A tick that Python has not heard of yet stays as it was pressed.
const waitingTicks = (part) =>
  new Map(part.waiting().filter(({ type }) => type === 'tick').map(({ key, on }) => [key, on]));

function fillRow(line, row, waiting) {
  const box = line.querySelector('input');
  box.checked = waiting.get(row.key) ?? Boolean(row.ticked);
  box.dataset.key = row.key;
  line.className = box.checked ? 'kf-ticked' : '';
  const [first, ...others] = row.cells;
  setText(line.querySelector('label'), first || row.key);
  line.children[1].title = visible(first);
  others.forEach((text, index) => {
    const cell = line.children[index + 2];
    setText(cell, text);
    cell.title = visible(text);
  });
}

const boxesOf = (body) => [...body.querySelectorAll('input[type=checkbox]')];

// Rows are filled anew but never replaced, so that the focus stays where it is.
function drawRows(body, part, id, send) {
  const rows = part.get('rows');
  const waiting = waitingTicks(part);
  const { columns } = part.get('face');
  while (body.children.length < rows.length) body.append(emptyRow(columns, `${id}-${body.children.length}`, send));
  const isLosingFocus = boxesOf(body).slice(rows.length).includes(body.getRootNode().activeElement);
  while (body.children.length > rows.length) body.lastElementChild.remove();
  rows.forEach((row, index) => fillRow(body.children[index], row, waiting));
  const boxes = boxesOf(body);
  if (isLosingFocus) moveTo(boxes, rows.length - 1);
  if (boxes.length && !boxes.some((box) => box.tabIndex === 0)) boxes[0].tabIndex = 0;
}

function pickerKeys(body, search, send) {
  return (event) => {
    const target = event.composedPath()[0];
    const boxes = boxesOf(body);
    const at = boxes.indexOf(target);
    const isTyping = target.matches('input[type=search], select');
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: boxes.length - 1 };
    if (event.key === '/' && !isTyping) search.focus();
    else if (event.key === 'ArrowDown' && target === search) moveTo(boxes, 0);
    else if (at >= 0 && event.key === 'PageDown') send('turn', { step: 1 });
    else if (at >= 0 && event.key === 'PageUp') send('turn', { step: -1 });
    else if (at >= 0 && event.key in moves) moveTo(boxes, moves[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
}

function drawPickerView(root, view) {
  for (const select of root.querySelectorAll('select.kf-filter')) select.value = view.filters[select.dataset.facet] ?? '';
  for (const cell of root.querySelectorAll('th[data-column]')) {
    const direction = view.is_descending ? 'descending' : 'ascending';
    cell.setAttribute('aria-sort', cell.dataset.column === view.sort ? direction : 'none');
  }
  const n = (count) => count.toLocaleString('en');
  setText(root.querySelector('.kf-where'), `Page ${n(view.page)} of ${n(view.n_pages)}`);
  root.querySelector('.kf-previous').disabled = view.page <= 1;
  root.querySelector('.kf-next').disabled = view.page >= view.n_pages;
  root.querySelector('.kf-undo-tick').disabled = !view.can_undo;
  setText(root.querySelector('.kf-tick-matching'), `Tick all ${n(view.n_matching)} that match`);
  const search = root.querySelector('.kf-search');
  if (root.getRootNode().activeElement !== search) search.value = view.text;
}

function picker(part) {
  const face = part.get('face');
  const id = unique();
  const { input: search, flush } = searching(part.send, { text: part.get('view').text, className: 'kf-search' });
  const send = (type, more) => {
    flush();
    part.send(type, more);
  };
  const filters = make('div', { className: 'kf-bar' }, labelled('Search', search));
  const body = make('tbody');
  const said = make('p', { className: 'kf-summary', role: 'status' });
  const caption = make('caption', { className: 'kf-unseen', textContent: face.caption });
  const table = make('table', { className: 'kf-table' }, caption, tableHead(face, send), body);
  const scroll = make('div', { className: 'kf-scroll' }, table);
  scroll.style.setProperty('--kf-rows', Math.min(face.page_size, face.n_rows) + 1);
  const root = make('div', { className: 'kf-picker' }, filters, tickBar(send, face.noun), said, scroll, pager(send));
  root.addEventListener('keydown', pickerKeys(body, search, send));
  part.watch(['face'], () => drawFilters(filters, part.get('face'), send));
  part.watch(['rows'], () => drawRows(body, part, id, send));
  part.watch(['summary'], () => setText(said, part.get('summary')));
  part.watch(['view', 'face'], () => drawPickerView(root, part.get('view')));
  return root;
}
