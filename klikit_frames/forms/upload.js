// The form for a file: chosen or dropped, sent piece by piece, its columns named, its problems mended.

const PIECE = 1 << 20;

const asText = (blob) => new Promise((done, fail) => {
  const reader = new FileReader();
  reader.onload = () => done(reader.result.slice(reader.result.indexOf(',') + 1));
  reader.onerror = () => fail(reader.error);
  reader.readAsDataURL(blob);
});

// One piece is on its way at a time: the next follows when Python has the one before.
function transfer(model, tell, file) {
  const id = unique();
  const send = async (at) => {
    const data = await asText(file.slice(at, at + PIECE));
    model.set('piece', { id, name: file.name, size: file.size, at, data });
    model.save_changes();
  };
  const next = () => {
    const { id: of, n_bytes: at } = model.get('received');
    if (of !== id) return;
    if (at < file.size) send(at).catch((error) => tell('unreadable', { name: file.name, why: String(error) }));
    else model.off('change:received', next);
  };
  model.on('change:received', next);
  send(0).catch((error) => tell('unreadable', { name: file.name, why: String(error) }));
}

function chooser(model, tell) {
  const input = make('input', { type: 'file', hidden: true, accept: model.get('accepted'), tabIndex: -1 });
  const choose = button('Choose a file', 'kf-primary kf-upload', () => {
    // Else the same file, mended, would be no change.
    input.value = '';
    input.click();
  });
  const take = (file) => {
    if (!file) return;
    if (file.size > model.get('limit')) tell('too_large', { name: file.name, size: file.size });
    else transfer(model, tell, file);
  };
  input.addEventListener('change', () => take(input.files[0]));
  const text = make('span', { textContent: 'or drop one here: CSV, XLSX, Parquet or JSON Lines, up to 50 MB' });
  const box = make('div', { className: 'kf-drop' }, make('div', { className: 'kf-bar' }, choose, text, input));
  const over = (isOver) => (event) => {
    event.preventDefault();
    box.classList.toggle('kf-over', isOver);
  };
  box.addEventListener('dragover', over(true));
  box.addEventListener('dragleave', over(false));
  box.addEventListener('drop', (event) => {
    over(false)(event);
    take(event.dataTransfer.files[0]);
  });
  return box;
}

function columnChoices(part) {
  const grid = make('div', { className: 'kf-columns' });
  const use = button('Read the file so', 'kf-use-columns', () => {
    const columns = {};
    for (const select of grid.querySelectorAll('select')) columns[select.dataset.column] = select.value;
    part.send('columns', { columns });
  });
  const fold = make('details', { className: 'kf-fold kf-mapping' }, make('summary', { textContent: 'How the columns are read' }), grid, use);
  part.watch(['columns', 'meanings', 'asks'], () => {
    const columns = part.get('columns');
    show(fold, columns.length > 0);
    fold.open = part.get('asks');
    grid.replaceChildren(...columns.map(({ name, sample, meaning }) => {
      const select = make('select', { dataset: { column: name } });
      for (const [value, text] of part.get('meanings')) select.append(make('option', { value, textContent: text }));
      select.value = meaning;
      return make('label', {}, make('span', { textContent: name, title: name }), select, make('span', { className: 'kf-sample', textContent: sample || '(blank)' }));
    }));
  });
  return fold;
}

function templateChoice(part) {
  const select = make('select', { className: 'kf-template-of' });
  part.watch(['templates'], () =>
    select.replaceChildren(...part.get('templates').map(([value, textContent]) => make('option', { value, textContent }))));
  const get = button('Download a template', 'kf-small kf-template', () => part.send('template', { brand_id: Number(select.value) }));
  return make('div', { className: 'kf-bar' }, labelled('To fill in', select), get);
}

function render({ model, el }) {
  const tell = sender(model);
  const file = partOf(model, tell, { name: 'file' });
  const run = partOf(model, tell, { name: 'panel' });
  const note = make('p', { className: 'kf-file-note', role: 'status' });
  const bar = make('progress', { className: 'kf-transfer', aria: { label: 'The file on its way' } });
  const problems = make('div', { className: 'kf-problems', tabIndex: 0, role: 'group', aria: { label: 'What the file holds' } });
  const goodOnly = choice('checkbox', '', 'Send the good rows all the same', 'kf-good-only', (on) => file.send('good_only', { on }));
  const take = button('Download the rows with their problems', 'kf-small kf-take-problems', () => file.send('problems'));
  const actions = make('div', { className: 'kf-bar' }, goodOnly.label, take);
  const card = titled('A file of changes', 'kf-card', chooser(model, tell), make('div', { className: 'kf-bar' }, note, bar),
    templateChoice(file), columnChoices(file), actions, panel(run));
  const root = make('div', { className: 'kf-form kf-upload-form' }, card, make('div', { className: 'kf-files' }, problems));
  el.replaceChildren(root);
  file.watch(['note', 'share', 'problems', 'is_choice', 'good_only', 'has_problems'], () => {
    setText(note, file.get('note'));
    show(bar, file.get('share') !== null);
    bar.value = file.get('share') ?? 0;
    setHtml(problems, file.get('problems'));
    show(problems, Boolean(file.get('problems')));
    show(goodOnly.label, file.get('is_choice'));
    goodOnly.input.checked = file.get('good_only');
    show(take, file.get('has_problems'));
  });
  const noMore = downloads(model, tell);
  return () => {
    file.stop();
    run.stop();
    noMore();
  };
}

export default { render };
