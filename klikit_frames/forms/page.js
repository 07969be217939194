// What the widgets share: elements, commands, searching. Joined in front of each widget's own script.

const PAUSE_MS = 60;
const CONTROLS = ['input', 'button', 'select', 'textarea', 'summary'];
const MOST_SLIP_PX = 10;

// What turns around or hides what is read is shown as an escape, as Python shows it in its own texts.
const UNSEEN = /(?<![^\0-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\0-\x7f])|(?![\u200c\u200d\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0d\uffa0\u{e0100}-\u{e01ef}]/gu;

function escaped(sign) {
  const code = sign.codePointAt(0);
  const [letter, width] = code < 256 ? ['x', 2] : code < 65536 ? ['u', 4] : ['U', 8];
  return `\\${letter}${code.toString(16).padStart(width, '0')}`;
}

const visible = (text) => (typeof text === 'string' ? text.replace(UNSEEN, escaped) : text);

function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  // Without this, a press of "x" on a control would be a command of the notebook, and cut the cell.
  if (CONTROLS.includes(tag)) node.dataset.lmSuppressShortcuts = 'true';
  const { dataset = {}, aria = {}, ...rest } = properties;
  Object.assign(node, rest);
  for (const name of ['textContent', 'title']) if (rest[name]) node[name] = visible(rest[name]);
  Object.assign(node.dataset, dataset);
  for (const [name, value] of Object.entries(aria)) node.setAttribute(`aria-${name}`, visible(value));
  if (rest.role) node.setAttribute('role', rest.role);
  node.append(...children);
  return node;
}

// What is drawn between the two ends of a press may carry its control away: the press is still its own. Whoever
// moves away before letting go has thought better of it.
function holdPress(node) {
  let from = null;
  node.addEventListener('pointerdown', (event) => {
    from = event;
    node.setPointerCapture(event.pointerId);
  });
  node.addEventListener('pointermove', (event) => {
    if (!from || Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY) <= MOST_SLIP_PX) return;
    from = null;
    node.releasePointerCapture(event.pointerId);
  });
  return node;
}

function button(text, className, press) {
  const node = holdPress(make('button', { type: 'button', textContent: text, className: `kf-button ${className}` }));
  node.addEventListener('click', () => press(node));
  return node;
}

const unique = (() => {
  const root = Math.random().toString(36).slice(2);
  let n = 0;
  return () => `kf-${root}-${(n += 1)}`;
})();

// While the kernel is busy only a trait's newest value reaches it, so commands without an answer are sent again.
function sender(model) {
  return (type, more = {}) => {
    const waiting = model.get('commands').filter((command) => command.seq > model.get('done'));
    const seq = Math.max(model.get('done'), ...waiting.map((command) => command.seq)) + 1;
    model.set('commands', [...waiting, { type, seq, ...more }]);
    model.save_changes();
  };
}

// A part of a form: its own traits, or one trait that holds them all; `watch` draws now and at each change.
function partOf(model, tell, { name = '', facesIn = '' } = {}) {
  const stops = [];
  const get = (key) => {
    if (!name) return model.get(key);
    return key === 'face' && facesIn ? model.get(facesIn)[name] : model.get(name)[key];
  };
  return {
    get,
    send: (type, more = {}) => tell(type, name ? { part: name, ...more } : more),
    waiting: () => model.get('commands').filter((command) => command.seq > model.get('done') && (command.part ?? '') === name),
    watch(keys, draw) {
      let before;
      const redraw = () => {
        const now = JSON.stringify(keys.map(get));
        if (now !== before) draw();
        before = now;
      };
      redraw();
      for (const trait of name ? [name, ...(facesIn ? [facesIn] : [])] : keys) {
        model.on(`change:${trait}`, redraw);
        stops.push(() => model.off(`change:${trait}`, redraw));
      }
    },
    stop: () => stops.forEach((end) => end()),
  };
}

// A press that comes right after typing is meant for what was typed: the search goes first.
function searching(tell, { text, className, more = {} }) {
  const input = make('input', { type: 'search', className, value: text });
  let timer = 0;
  const flush = () => {
    if (!timer) return;
    clearTimeout(timer);
    timer = 0;
    tell('search', { text: input.value, ...more });
  };
  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(flush, PAUSE_MS);
  });
  return { input, flush };
}

function labelled(text, control) {
  return make('label', { className: 'kf-label' }, make('span', { textContent: text }), control);
}

function fillOptions(select, choices) {
  if (select.dataset.choices === JSON.stringify(choices)) return;
  select.dataset.choices = JSON.stringify(choices);
  const { value } = select;
  select.replaceChildren(...choices.map(([key, text]) => make('option', { value: key, textContent: text })));
  if (choices.some(([key]) => key === value)) select.value = value;
}

const setText = (node, text) => {
  const shown = visible(text);
  if (node.textContent !== shown) node.textContent = shown;
};

function moveTo(boxes, index) {
  const target = boxes[Math.min(Math.max(index, 0), boxes.length - 1)];
  if (!target) return;
  for (const box of boxes) box.tabIndex = box === target ? 0 : -1;
  target.focus();
}
