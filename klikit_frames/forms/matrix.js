// A part of the grid, drawn from traits. What was changed lives in Python: this file only sends commands.
// The keys are those of the grid pattern of the W3C's authoring practices.

const SIGNS = { on: 'on', off: 'off', unknown: '?', '': '–' };

function fillHead(head, text, quiet, dataset) {
  setText(head.firstChild, text);
  setText(head.lastChild, quiet);
  head.title = visible(`Switch all of ${[text, quiet].filter(Boolean).join(', ')} that match`);
  Object.assign(head.dataset, dataset);
}

function newHead(className, press) {
  const head = button('', `kf-head ${className}`, ({ dataset }) => press(dataset));
  head.append(make('span', { className: 'kf-name' }), make('span', { className: 'kf-quiet' }));
  return head;
}

function fillCell(cell, word, row, store) {
  const flag = word.replace('*', '');
  const isChanged = word.endsWith('*');
  const said = word ? `${flag}${isChanged ? ", changed" : ""}` : "not in this store's menu";
  setText(cell, SIGNS[flag]);
  cell.className = `kf-cell kf-${flag || 'absent'}${isChanged ? ' kf-changed' : ''}`;
  cell.title = visible(`${row.title}, ${store.title}: ${said}`);
  cell.setAttribute('aria-label', cell.title);
  if (word) cell.removeAttribute('aria-disabled');
  else cell.setAttribute('aria-disabled', 'true');
  Object.assign(cell.dataset, { entity: row.key, store: store.key, lmSuppressShortcuts: 'true' });
}

function newLine(nStores, send) {
  const name = newHead('kf-entity', ({ entity }) => send('press', { entity }));
  const cells = Array.from({ length: nStores }, () => make('td', { role: 'gridcell', className: 'kf-cell', tabIndex: -1 }));
  return make('tr', {}, make('th', { scope: 'row' }, name), ...cells);
}

function newHeadLine(nStores, send) {
  const heads = Array.from({ length: nStores }, () =>
    make('th', { scope: 'col' }, newHead('kf-store', ({ store }) => send('press', { store }))));
  return make('tr', {}, make('th', { scope: 'col', textContent: 'Entity' }), ...heads);
}

const cellsOf = (table) => [...table.tBodies[0].rows].map((line) => [...line.cells].slice(1));

// Cells are filled anew but never replaced: a press in the middle of an answer still counts, and the focus stays.
function drawGrid(table, part, send) {
  const [stores, rows, body] = [part.get('stores'), part.get('rows'), table.tBodies[0]];
  if (table.tHead.rows[0]?.cells.length !== stores.length + 1) {
    table.tHead.replaceChildren(newHeadLine(stores.length, send));
    body.replaceChildren();
  }
  while (body.rows.length < rows.length) body.append(newLine(stores.length, send));
  while (body.rows.length > rows.length) body.lastElementChild.remove();
  stores.forEach((store, n) => fillHead(table.tHead.rows[0].cells[n + 1].firstChild, store.branch, store.brand, { store: store.key }));
  rows.forEach((row, n) => {
    const [head, ...cells] = body.rows[n].cells;
    fillHead(head.firstChild, row.title, row.type === 'item' ? '' : row.type, { entity: row.key });
    cells.forEach((cell, at) => fillCell(cell, row.cells[at], row, stores[at]));
  });
}

// What is selected: a block of cells from where it was begun to where it was led. The focus is on a cell or on the
// name of a row or a store, at -1; the grid is one stop of Tab, and arrows lead to all of it.
function selection(table) {
  let [anchor, lead, place] = [[0, 0], [0, 0], [0, 0]];
  const bounds = () => [0, 1].map((side) => [Math.min(anchor[side], lead[side]), Math.max(anchor[side], lead[side])]);
  const within = ([row, column], [lastRow, lastColumn], first) =>
    [Math.max(first, Math.min(row, lastRow)), Math.max(first, Math.min(column, lastColumn))];
  const nodeAt = ([row, column]) => {
    if (row < 0) return table.tHead.rows[0].cells[column + 1]?.firstChild;
    return column < 0 ? table.tBodies[0].rows[row]?.cells[0].firstChild : cellsOf(table)[row]?.[column];
  };
  const draw = ({ isFocused }) => {
    const cells = cellsOf(table);
    const last = [cells.length - 1, (cells[0]?.length ?? 0) - 1];
    [anchor, lead] = [within(anchor, last, 0), within(lead, last, 0)];
    place = within(place, last, -1);
    if (place[0] < 0 && place[1] < 0) place[1] = 0;
    const [[top, bottom], [left, right]] = bounds();
    cells.forEach((line, row) => line.forEach((cell, column) => {
      const isIn = row >= top && row <= bottom && column >= left && column <= right;
      cell.setAttribute('aria-selected', String(isIn));
    }));
    const focus = nodeAt(place);
    for (const node of table.querySelectorAll('.kf-cell, .kf-head')) node.tabIndex = node === focus ? 0 : -1;
    if (isFocused) focus?.focus();
  };
  const select = (from, to) => {
    [anchor, lead] = [from, to];
    draw({ isFocused: true });
  };
  return {
    draw,
    go([row, column], { isExtended = false } = {}) {
      if (isExtended) lead = [Math.max(row, 0), Math.max(column, 0)];
      else if (row >= 0 && column >= 0) anchor = lead = [row, column];
      place = isExtended ? [...lead] : [row, column];
      draw({ isFocused: true });
    },
    all: () => select([0, 0], [Infinity, Infinity]),
    row: () => select([lead[0], 0], [lead[0], Infinity]),
    column: () => select([0, lead[1]], [Infinity, lead[1]]),
    get place() {
      return place;
    },
    get lead() {
      return lead;
    },
    keys() {
      const [[top, bottom], [left, right]] = bounds();
      const lines = cellsOf(table).slice(top, bottom + 1).map((line) => line.slice(left, right + 1));
      if (!lines.length) return { entities: [], stores: [] };
      return { entities: lines.map(([first]) => first.dataset.entity), stores: lines[0].map((cell) => cell.dataset.store) };
    },
  };
}

function gridKeys(table, chosen, firstSearch, send) {
  return (event) => {
    const target = event.composedPath()[0];
    const isCell = target.matches?.('.kf-cell');
    const isWide = event.ctrlKey || event.metaKey;
    const [row, column] = event.shiftKey ? chosen.lead : chosen.place;
    const steps = { ArrowDown: [row + 1, column], ArrowUp: [row - 1, column], ArrowRight: [row, column + 1], ArrowLeft: [row, column - 1],
      Home: [isWide ? 0 : row, 0], End: [isWide ? Infinity : row, Infinity] };
    if (event.key === '/' && !target.matches('input')) firstSearch.focus();
    else if (!isCell && !target.matches?.('.kf-grid .kf-head')) return;
    else if (event.key in steps) chosen.go(steps[event.key], { isExtended: event.shiftKey });
    else if (event.key === 'a' && isWide) chosen.all();
    else if (event.key === 'PageDown') send('turn', { side: 'entities', step: 1 });
    else if (event.key === 'PageUp') send('turn', { side: 'entities', step: -1 });
    else if (!isCell) return;
    else if (event.key === ' ' && event.shiftKey) chosen.row();
    else if (event.key === ' ' && event.ctrlKey) chosen.column();
    else if (event.key === ' ' || event.key === 'Enter') send('press', chosen.keys());
    else if (event.key === 'Escape') chosen.go(chosen.lead);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
}

// A press on one cell switches it; a drag, or a press with Shift, selects a block.
function gridMouse(table, chosen, send) {
  let start = null;
  let isDragged = false;
  const placeOf = (event) => {
    const cell = event.composedPath()[0].closest?.('.kf-cell');
    return cell && table.contains(cell) ? [cell.parentElement.sectionRowIndex, cell.cellIndex - 1] : null;
  };
  table.addEventListener('pointerdown', (event) => {
    const place = placeOf(event);
    if (!place || event.button) return;
    event.preventDefault();
    [start, isDragged] = [place, event.shiftKey];
    chosen.go(place, { isExtended: event.shiftKey });
  });
  table.addEventListener('pointerover', (event) => {
    const place = placeOf(event);
    if (!start || !place || !event.buttons) return;
    isDragged ||= String(place) !== String(start);
    if (isDragged) chosen.go(place, { isExtended: true });
  });
  table.addEventListener('pointerup', () => {
    if (start && !isDragged) send('press', chosen.keys());
    start = null;
  });
}

function sideControls(name, label, view, tell) {
  const more = { side: name };
  const { input, flush } = searching(tell, { text: view[name].text, className: `kf-search kf-search-${name}`, more });
  const where = make('span', { className: 'kf-where' });
  const turn = (step, text) => {
    const node = button(text, `kf-small kf-turn-${step}`, () => {
      flush();
      tell('turn', { ...more, step });
    });
    node.setAttribute('aria-label', `${step < 0 ? 'Previous' : 'Next'} ${name}`);
    return node;
  };
  const bar = make('div', { className: 'kf-bar' }, labelled(label, input), turn(-1, '◀'), where, turn(1, '▶'));
  const draw = ({ page, n_pages: n, text }) => {
    setText(where, `Page ${page} of ${n}`);
    bar.querySelector('.kf-turn--1').disabled = page <= 1;
    bar.querySelector('.kf-turn-1').disabled = page >= n;
    if (bar.getRootNode().activeElement !== input) input.value = text;
  };
  return { bar, input, flush, draw };
}

function render({ model, el }) {
  const tell = sender(model);
  const part = partOf(model, tell);
  const run = partOf(model, tell, { name: 'panel' });
  const view = part.get('view');
  const sides = {
    entities: sideControls('entities', 'Search dishes', view, tell),
    stores: sideControls('stores', 'Search stores', view, tell),
  };
  const send = (type, more) => {
    for (const side of Object.values(sides)) side.flush();
    tell(type, more);
  };
  const undo = button('Undo press', 'kf-small kf-undo-press', () => send('undo'));
  const clear = button('Drop all changes', 'kf-small kf-clear', () => send('clear'));
  const said = make('p', { className: 'kf-summary', role: 'status' });
  const caption = make('caption', { className: 'kf-unseen', textContent: 'What is on in which store; a press switches' });
  const table = make('table', { className: 'kf-table kf-grid', role: 'grid', aria: { multiselectable: 'true' } }, caption, make('thead'), make('tbody'));
  const chosen = selection(table);
  const set = (text, flag) => button(text, `kf-small kf-set-${text.split(' ').pop()}`, () => send('press', { ...chosen.keys(), flag }));
  const hint = make('span', { className: 'kf-missing', textContent: 'A press switches a cell; drag, or Shift with arrows, selects more; the space bar switches what is selected.' });
  const root = make('div', { className: 'kf-form kf-matrix' });
  if (part.get('has_panel')) root.append(titled('The change', 'kf-card', panel(run)));
  root.append(sides.entities.bar, sides.stores.bar,
    make('div', { className: 'kf-bar' }, set('Selection off', false), set('Selection on', true), undo, clear), hint, said,
    make('div', { className: 'kf-scroll' }, table));
  root.addEventListener('keydown', gridKeys(table, chosen, sides.entities.input, send));
  gridMouse(table, chosen, send);
  el.replaceChildren(root);

  part.watch(['rows', 'stores'], () => {
    drawGrid(table, part, send);
    chosen.draw({ isFocused: false });
  });
  part.watch(['summary'], () => setText(said, part.get('summary')));
  part.watch(['view'], () => {
    for (const [name, side] of Object.entries(sides)) side.draw(part.get('view')[name]);
    undo.disabled = !part.get('view').can_undo;
  });
  const noMore = downloads(model, tell);
  return () => {
    part.stop();
    run.stop();
    noMore();
  };
}

export default { render };
