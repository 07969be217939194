// What the widgets share: elements, commands and searching. Joined in front of each widget's own script.

const PAUSE_MS = 60;
const CONTROLS = ["input", "button", "select"];

function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  // Without this, a press of "x" on a control would be a command of the notebook, and cut the cell.
  if (CONTROLS.includes(tag)) node.dataset.lmSuppressShortcuts = "true";
  const { dataset = {}, aria = {}, ...rest } = properties;
  Object.assign(node, rest);
  Object.assign(node.dataset, dataset);
  for (const [name, value] of Object.entries(aria)) node.setAttribute(`aria-${name}`, value);
  node.append(...children);
  return node;
}

// While the kernel is busy only a trait's newest value reaches it, so commands without an answer are sent again.
function sender(model) {
  return (type, more = {}) => {
    const waiting = model.get("commands").filter((command) => command.seq > model.get("done"));
    const seq = Math.max(model.get("done"), ...waiting.map((command) => command.seq)) + 1;
    model.set("commands", [...waiting, { type, seq, ...more }]);
    model.save_changes();
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

function moveTo(boxes, index) {
  const target = boxes[Math.min(Math.max(index, 0), boxes.length - 1)];
  if (!target) return;
  for (const box of boxes) box.tabIndex = box === target ? 0 : -1;
  target.focus();
}

