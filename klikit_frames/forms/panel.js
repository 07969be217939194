// What will happen, what happens, what happened: the change, its buttons, and the last run.

function choice(type, name, text, className, press) {
  const input = holdPress(make('input', { type, name, className }));
  input.addEventListener('change', () => press(input.checked));
  const label = make('label', { className: 'kf-choice' }, input, make('span', { textContent: text }));
  return { label, input };
}

function titled(text, className, ...children) {
  const id = unique();
  const title = make('div', { className: 'kf-title', id, textContent: text });
  return make('div', { className, role: 'group', aria: { labelledby: id } }, title, ...children);
}

const show = (node, isShown) => {
  node.hidden = !isShown;
};

// What is written by Python is HTML already; a part that scrolls can be reached by key.
function setHtml(node, html) {
  if (node.kfHtml === html) return;
  node.kfHtml = html;
  node.innerHTML = html;
  for (const box of node.querySelectorAll('div')) if (box.style.overflowX === 'auto') box.tabIndex = 0;
  for (const summary of node.querySelectorAll('summary')) summary.dataset.lmSuppressShortcuts = 'true';
}

// Python hands a file over as a trait; it is saved at once, and Python forgets it.
function downloads(model, tell) {
  let taken = model.get('download')?.n ?? 0;
  const save = () => {
    const file = model.get('download');
    if (!file.data || file.n === taken) return;
    taken = file.n;
    const bytes = Uint8Array.from(atob(file.data), (letter) => letter.charCodeAt(0));
    const link = make('a', { href: URL.createObjectURL(new Blob([bytes])), download: file.name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    tell('downloaded');
  };
  model.on('change:download', save);
  return () => model.off('change:download', save);
}

function drawProgress(bar, text, progress) {
  show(bar.parentElement, Boolean(progress));
  if (!progress) return;
  if (progress.total) {
    bar.max = progress.total;
    bar.value = progress.done;
  } else bar.removeAttribute('value');
  setText(text, progress.text);
}

function panelButtons(part, code) {
  const press = (type) => () => part.send(type);
  return {
    apply: button('Apply', 'kf-primary kf-apply', () => part.send('apply', { code: code.value })),
    yes: button('Yes', 'kf-primary kf-yes', () => part.send('yes', { code: code.value })),
    no: button('No', 'kf-no', press('no')),
    cancel: button('Cancel', 'kf-cancel', press('cancel')),
    publish: button('Publish', 'kf-publish', press('publish')),
    undo: button('Undo this run', 'kf-undo', press('undo')),
    retry: button('Retry failed', 'kf-retry', press('retry')),
    carry_on: button('Carry on', 'kf-carry-on', press('carry_on')),
    download: button('Download the result', 'kf-download', press('download')),
  };
}

// A button that goes away under the fingers would take the focus with it: it goes to what can be pressed next.
function drawButtons(buttons, states, root) {
  const focused = root.getRootNode().activeElement;
  for (const [name, node] of Object.entries(buttons)) {
    const state = states[name] ?? {};
    show(node, state.is_shown ?? false);
    node.disabled = !state.is_enabled;
    if (state.text) setText(node, state.text);
  }
  const isLost = Object.values(buttons).includes(focused) && (focused.hidden || focused.disabled);
  if (!isLost) return;
  const order = ['yes', 'cancel', 'carry_on', 'retry', 'undo', 'apply'];
  const next = order.map((name) => buttons[name]).find((node) => !node.hidden && !node.disabled);
  (next ?? root).focus();
}

function runPicker(part) {
  const select = make('select', { className: 'kf-runs' });
  const find = button('Show', 'kf-small kf-find', () => select.value && part.send('attach', { run_id: select.value }));
  part.watch(['runs'], () => {
    const runs = part.get('runs');
    select.replaceChildren(...runs.map(({ run_id: value, text }) => make('option', { value, textContent: text })));
    find.disabled = select.disabled = !runs.length;
    if (!runs.length) select.append(make('option', { value: '', textContent: 'none yet' }));
  });
  return make('div', { className: 'kf-bar kf-run-bar' }, labelled('Recent runs', select), find);
}

function panel(part) {
  const headline = make('p', { className: 'kf-headline', role: 'status' });
  const facts = make('ul', { className: 'kf-facts' });
  const details = make('div', { className: 'kf-details' });
  const code = make('input', { type: 'text', className: 'kf-code', autocomplete: 'off', size: 10 });
  const codeLabel = make('span');
  const codeRow = make('label', { className: 'kf-label' }, codeLabel, code);
  const question = make('p', { className: 'kf-question', role: 'status' });
  const trouble = make('p', { className: 'kf-trouble', role: 'alert' });
  const bar = make('progress', { className: 'kf-progress', aria: { label: 'Requests that are settled' } });
  const barText = make('span', { className: 'kf-progress-text' });
  const buttons = panelButtons(part, code);
  const { apply, yes, no, cancel, publish, undo, retry, carry_on: carryOn, download } = buttons;
  const progressRow = make('div', { className: 'kf-bar kf-progress-row' }, bar, barText, cancel);
  const preview = make('div', { className: 'kf-preview' }, headline, facts, details);
  const account = make('p', { className: 'kf-account', role: 'status' });
  const outcome = make('div', { className: 'kf-outcome' });
  const lastButtons = make('div', { className: 'kf-bar' }, publish, undo, retry, carryOn, download);
  const result = make('div', { className: 'kf-result' }, account, lastButtons, outcome);
  const root = make('div', { className: 'kf-panel', tabIndex: -1 },
    preview, make('div', { className: 'kf-bar kf-act' }, codeRow, apply, question, yes, no), trouble, progressRow,
    titled('Last run', 'kf-last', result, runPicker(part)));
  code.addEventListener('keydown', (event) => event.key === 'Enter' && apply.click());

  part.watch(['headline', 'facts'], () => {
    setText(headline, part.get('headline'));
    facts.replaceChildren(...part.get('facts').map((text) => make('li', { textContent: text })));
  });
  part.watch(['details'], () => setHtml(details, part.get('details')));
  part.watch(['code', 'question', 'trouble', 'progress', 'buttons'], () => {
    show(codeRow, Boolean(part.get('code')));
    setText(codeLabel, `Type ${part.get('code')} to confirm`);
    setText(question, part.get('question'));
    show(question, Boolean(part.get('question')));
    setText(trouble, part.get('trouble'));
    drawProgress(bar, barText, part.get('progress'));
    drawButtons(buttons, part.get('buttons'), root);
  });
  part.watch(['account', 'outcome'], () => {
    setText(account, part.get('account'));
    setHtml(outcome, part.get('outcome'));
  });
  return root;
}
