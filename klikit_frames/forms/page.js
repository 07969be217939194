// What the widgets share: elements, commands, searching. Joined in front of each widget's own script.

const PAUSE_MS = 60;
const CONTROLS = ["input", "button", "select", "textarea", "summary"];

function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  // Without this, a press of "x" on a control would be a command of the notebook, and cut the cell.
  if (CONTROLS.includes(tag)) node.dataset.lmSuppressShortcuts = "true";
  const { dataset = {}, aria = {}, ...rest } = properties;
  Object.assign(node, rest);
  Object.assign(node.dataset, dataset);
  for (const [name, value] of Object.entries(aria)) node.setAttribute(`aria-${name}`, value);
  if (rest.role) node.setAttribute("role", rest.role);
  node.append(...children);
  return node;
}

function button(text, className, press) {
  const node = make("button", { type: "button", textContent: text, className: `kf-button ${className}` });
  node.addEventListener("click", () => press(node));
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
    const waiting = model.get("commands").filter((command) => command.seq > model.get("done"));
    const seq = Math.max(model.get("done"), ...waiting.map((command) => command.seq)) + 1;
    model.set("commands", [...waiting, { type, seq, ...more }]);
    model.save_changes();
  };
}

// A part of a form: its own traits, or one trait that holds them all; `watch` draws now and at each change.
function partOf(model, tell, { name = "", facesIn = "" } = {}) {
  const stops = [];
  const get = (key) => {
    if (!name) return model.get(key);
    return key === "face" && facesIn ? model.get(facesIn)[name] : model.get(name)[key];
  };
  return {
    get,
    send: (type, more = {}) => tell(type, name ? { part: name, ...more } : more),
    waiting: () => model.get("commands").filter((command) => command.seq > model.get("done") && (command.part ?? "") === name),
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
  const input = make("input", { type: "search", className, value: text });
  let timer = 0;
  const flush = () => {
    if (!timer) return;
    clearTimeout(timer);
    timer = 0;
    tell("search", { text: input.value, ...more });
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(flush, PAUSE_MS);
  });
  return { input, flush };
}

function labelled(text, control) {
  return make("label", { className: "kf-label" }, make("span", { textContent: text }), control);
}

function choice(type, name, text, className, press) {
  const input = make("input", { type, name, className });
  input.addEventListener("change", () => press(input.checked));
  const label = make("label", { className: "kf-choice" }, input, make("span", { textContent: text }));
  return { label, input };
}

function titled(text, className, ...children) {
  const id = unique();
  const title = make("div", { className: "kf-title", id, textContent: text });
  return make("div", { className, role: "group", aria: { labelledby: id } }, title, ...children);
}

const setText = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

const show = (node, isShown) => {
  node.hidden = !isShown;
};

// What is written by Python is HTML already; a part that scrolls can be reached by key.
function setHtml(node, html) {
  if (node.kfHtml === html) return;
  node.kfHtml = html;
  node.innerHTML = html;
  for (const box of node.querySelectorAll("div")) if (box.style.overflowX === "auto") box.tabIndex = 0;
  for (const summary of node.querySelectorAll("summary")) summary.dataset.lmSuppressShortcuts = "true";
}

function moveTo(boxes, index) {
  const target = boxes[Math.min(Math.max(index, 0), boxes.length - 1)];
  if (!target) return;
  for (const box of boxes) box.tabIndex = box === target ? 0 : -1;
  target.focus();
}

// Python hands a file over as a trait; it is saved at once, and Python forgets it.
function downloads(model, tell) {
  let taken = model.get("download")?.n ?? 0;
  const save = () => {
    const file = model.get("download");
    if (!file.data || file.n === taken) return;
    taken = file.n;
    const bytes = Uint8Array.from(atob(file.data), (letter) => letter.charCodeAt(0));
    const link = make("a", { href: URL.createObjectURL(new Blob([bytes])), download: file.name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    tell("downloaded");
  };
  model.on("change:download", save);
  return () => model.off("change:download", save);
}
