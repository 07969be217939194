// The form for changes by hand: how, what will happen, then what and where.

const CHANGE = 'change';

function flagChoice(part) {
  const name = unique();
  const off = choice('radio', name, 'off', 'kf-switch-off', () => part.send('set', { name: 'is_enabled', value: false }));
  const on = choice('radio', name, 'on', 'kf-switch-on', () => part.send('set', { name: 'is_enabled', value: true }));
  part.watch(['is_enabled'], () => {
    on.input.checked = part.get('is_enabled');
    off.input.checked = !part.get('is_enabled');
  });
  return make('div', { className: 'kf-switch', role: 'radiogroup', aria: { label: 'Switch' } },
    make('span', { textContent: 'Switch' }), off.label, on.label);
}

function scopeChoice(part) {
  const name = unique();
  const set = (value) => () => part.send('set', { name: 'is_business', value });
  const stores = choice('radio', name, 'in the ticked stores', 'kf-scope-stores', set(false));
  const wide = choice('radio', name, 'business-wide', 'kf-scope-business', set(true));
  part.watch(['is_business'], () => {
    wide.input.checked = part.get('is_business');
    stores.input.checked = !part.get('is_business');
  });
  return make('div', { className: 'kf-scope', role: 'radiogroup', aria: { label: 'Where' } }, stores.label, wide.label);
}

function cascadeChoice(part) {
  const cascade = choice('checkbox', '', 'modifier groups too', 'kf-cascade', (value) => part.send('set', { name: 'has_cascade', value }));
  const brands = make('div', { className: 'kf-brands', role: 'group', aria: { label: 'Modifier groups only of these brands; none means all' } });
  part.watch(['has_cascade', 'brands'], () => {
    cascade.input.checked = part.get('has_cascade');
    show(brands, part.get('has_cascade'));
    const boxes = part.get('brands').map(({ brand_id: brand, title, is_ticked: isTicked }) => {
      const box = choice('checkbox', '', title, 'kf-brand', (on) => part.send('brand', { brand_id: brand, on }));
      box.input.checked = isTicked;
      return box.label;
    });
    if (brands.children.length === boxes.length) {
      boxes.forEach((box, n) => (brands.children[n].firstChild.checked = box.firstChild.checked));
    } else brands.replaceChildren(make('span', { textContent: 'only of' }), ...boxes);
  });
  return [cascade.label, brands];
}

// Until when, by whose clock, and whether guests see both ends.
function endChoice(part) {
  const until = untilChoice('kf-until-choice', 'Until', (chosen) => part.send('until', chosen));
  const zone = make('select', { className: 'kf-zone', aria: { label: 'Time zone' } });
  zone.addEventListener('change', () => part.send('zone', { name: zone.value }));
  const clock = make('label', { className: 'kf-label' }, make('span', { textContent: 'clock of' }), zone);
  const publish = choice('checkbox', '', 'publish at start and end', 'kf-publishes', (on) => part.send('publish', { on }));
  const missing = make('span', { className: 'kf-missing kf-until-note' });
  part.watch(['choices', 'until', 'zone', 'zones', 'publishes', 'missing', 'is_timed'], () => {
    until.draw(part.get('choices'), part.get('until'));
    fillOptions(zone, part.get('zones'));
    zone.value = part.get('zone');
    publish.input.checked = part.get('publishes');
    setText(missing, part.get('missing').until ?? '');
    for (const node of [clock, publish.label]) show(node, part.get('is_timed'));
  });
  return [...until.nodes, missing, clock, publish.label];
}

function pendingList(part) {
  const list = make('ol', { className: 'kf-pending' });
  part.watch(['pending'], () => {
    const entries = part.get('pending');
    list.replaceChildren(...entries.map(({ text, names }, n) => make('li', {},
      make('span', { className: 'kf-pending-text', textContent: text }),
      make('span', { className: 'kf-pending-names', textContent: names, title: names }),
      button('Edit', 'kf-small kf-edit', () => part.send('edit', { n })),
      button('Remove', 'kf-small kf-remove', () => part.send('remove', { n })))));
    for (const [n, node] of [...list.querySelectorAll('button')].entries()) {
      node.setAttribute('aria-label', `${node.textContent} change ${Math.floor(n / 2) + 1}`);
    }
    show(list, entries.length > 0);
  });
  return list;
}

function render({ model, el }) {
  const tell = sender(model);
  const change = partOf(model, tell, { name: CHANGE });
  const run = partOf(model, tell, { name: 'panel' });
  const board = partOf(model, tell, { name: 'agenda' });
  const entities = partOf(model, tell, { name: 'what', facesIn: 'faces' });
  const stores = partOf(model, tell, { name: 'where', facesIn: 'faces' });
  const add = button('Add to the list', 'kf-add', () => change.send('add'));
  const again = button('Read the menu again', 'kf-small kf-read-again', () => change.send('read'));
  const note = make('p', { className: 'kf-read-note', role: 'status' });
  const line = make('textarea', { className: 'kf-line', readOnly: true, rows: 3, aria: { label: 'The same in Python' } });
  const python = make('details', { className: 'kf-python' }, make('summary', { textContent: 'The same in Python' }), line);
  const how = make('div', { className: 'kf-bar kf-how' }, flagChoice(change), scopeChoice(change), ...endChoice(change), ...cascadeChoice(change), add);
  const promised = agenda(board);
  const card = titled('The change', 'kf-card', how, pendingList(change), panel(run), promised, python,
    make('div', { className: 'kf-bar kf-reading' }, again, note));
  const missing = { entities: make('p', { className: 'kf-missing kf-entities-note' }), stores: make('p', { className: 'kf-missing kf-stores-note' }) };
  const sides = make('div', { className: 'kf-sides' });
  const root = make('div', { className: 'kf-form kf-toggle-form' }, card, sides);
  el.replaceChildren(root);

  let isBuilt = false;
  const build = () => {
    if (isBuilt || !model.get('faces').what) return;
    isBuilt = true;
    const side = titled('Where', 'kf-side kf-stores', missing.stores, picker(stores));
    sides.append(titled('What', 'kf-side kf-entities', missing.entities, picker(entities)), side);
    change.watch(['is_business'], () => side.classList.toggle('kf-not-meant', change.get('is_business')));
  };
  build();
  const seePromised = () => show(promised, change.get('is_timed') || board.get('groups').length > 0 || Boolean(board.get('note')) || board.get('is_keeping'));
  change.watch(['is_timed'], seePromised);
  board.watch(['groups', 'note', 'is_keeping'], seePromised);
  model.on('change:faces', build);
  change.watch(['missing', 'can_add', 'note', 'line'], () => {
    for (const [side, text] of Object.entries(missing)) setText(text, change.get('missing')[side] ?? '');
    add.disabled = !change.get('can_add');
    setText(note, change.get('note'));
    line.value = change.get('line');
    show(python, Boolean(change.get('line')));
  });
  const noMore = downloads(model, tell);
  return () => {
    model.off('change:faces', build);
    for (const part of [change, run, board, entities, stores]) part.stop();
    noMore();
  };
}

export default { render };
