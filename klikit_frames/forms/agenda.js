// What is promised: overdue first, each cancelled or extended where it stands.

const DATE = 'date';

// When: one of the choices, and a date and time where that is the choice.
function untilChoice(className, label, press) {
  const kind = make('select', { className: `kf-until ${className}`, aria: { label } });
  const at = make('input', { type: 'datetime-local', className: 'kf-until-at', aria: { label: `${label}: date and time` } });
  const tell = () => {
    show(at, kind.value === DATE);
    press({ kind: kind.value, at: at.value });
  };
  kind.addEventListener('change', tell);
  at.addEventListener('change', tell);
  show(at, false);
  return {
    nodes: [kind, at],
    get value() {
      return { kind: kind.value, at: at.value };
    },
    draw(choices, chosen) {
      fillOptions(kind, choices);
      if (!chosen) return;
      kind.value = chosen.kind;
      if (at.getRootNode().activeElement !== at) at.value = chosen.at;
      show(at, chosen.kind === DATE);
    },
  };
}

function promiseLine(part, group) {
  const until = untilChoice('kf-small', `New end of: ${group.text}`, () => {});
  until.draw(part.get('choices'));
  const extend = button('Extend', 'kf-small kf-extend', () => part.send('extend', { id: group.id, ...until.value }));
  const cancel = button('Cancel', 'kf-small kf-cancel-promise', () => part.send('cancel', { id: group.id }));
  extend.setAttribute('aria-label', visible(`Extend: ${group.text}`));
  cancel.setAttribute('aria-label', visible(`Cancel: ${group.text}`));
  const line = make('li', { className: group.is_overdue ? 'kf-overdue' : '', dataset: { id: group.id } },
    make('span', { className: 'kf-pending-text', textContent: group.text }),
    make('span', { className: 'kf-times', textContent: group.times }),
    make('span', { className: 'kf-pending-names', textContent: group.names, title: group.names }),
    make('span', { className: 'kf-bar kf-promise-acts' }, ...until.nodes, extend, cancel));
  line.kfUntil = until;
  return line;
}

// Lines that stay as they were are not drawn again: a choice that is being made there is kept, and so is the focus.
function drawPromises(list, part) {
  const known = new Map([...list.children].map((line) => [line.kfGroup, line]));
  const lines = part.get('groups').map((group) => {
    const key = JSON.stringify(group);
    const line = known.get(key) ?? promiseLine(part, group);
    line.kfGroup = key;
    line.kfUntil.draw(part.get('choices'));
    return line;
  });
  const isLosingFocus = [...list.children].some((line) => !lines.includes(line) && line.contains(line.getRootNode().activeElement));
  for (const line of [...list.children]) if (!lines.includes(line)) line.remove();
  lines.forEach((line, n) => list.children[n] !== line && list.insertBefore(line, list.children[n] ?? null));
  return isLosingFocus;
}

function agenda(part) {
  const list = make('ul', { className: 'kf-promises' });
  const more = make('p', { className: 'kf-more' });
  const note = make('p', { className: 'kf-agenda-note', role: 'status' });
  const due = button('Keep what is due', 'kf-small kf-tick-now', () => part.send('tick'));
  const look = button('Look again', 'kf-small kf-look', () => part.send('look'));
  const keep = choice('checkbox', '', 'keep promises while this notebook is open', 'kf-keep', (on) => part.send('keep', { on }));
  const cron = make('code', { className: 'kf-cron' });
  const plain = make('p', { className: 'kf-clock-note' },
    'Nothing comes back by itself: a process has to tick. Tick the box, keep ', make('code', { textContent: 'klikit-frames tick --follow' }),
    ' running in a terminal, or give cron the line ', cron);
  const bar = make('div', { className: 'kf-bar' }, keep.label, due, look);
  const root = titled('Promised', 'kf-last kf-agenda', note, list, more, bar, plain);
  root.tabIndex = -1;
  part.watch(['groups', 'choices'], () => {
    if (drawPromises(list, part)) root.focus();
    show(list, list.children.length > 0);
  });
  part.watch(['note', 'more', 'n_overdue', 'is_keeping', 'cron'], () => {
    setText(note, part.get('note'));
    setText(more, part.get('more'));
    show(due, part.get('n_overdue') > 0);
    keep.input.checked = part.get('is_keeping');
    setText(cron, part.get('cron'));
  });
  return root;
}
