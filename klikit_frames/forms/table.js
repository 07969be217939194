// One page of rows, drawn from traits. What is ticked lives in Python: this file only sends commands.

const PAUSE_MS = 60;

function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
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

function searchBox(model, send) {
  const input = make("input", { type: "search", className: "kf-search", value: model.get("view").text });
  let timer = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => send("search", { text: input.value }), PAUSE_MS);
  });
  return input;
}

function filterBox(name, facet, send) {
  const select = make("select", { className: `kf-filter kf-filter-${name}`, dataset: { facet: name } });
  select.append(make("option", { value: "", textContent: "all" }));
  for (const choice of facet.choices) select.append(make("option", { value: choice, textContent: choice }));
  select.addEventListener("change", () => send("filter", { name, choice: select.value }));
  return select;
}

function labelled(text, control) {
  return make("label", { className: "kf-label" }, make("span", { textContent: text }), control);
}

function toolbar(send, layout) {
  const actions = [
    ["tick_page", "Tick this page"],
    ["tick_matching", "Tick all that match"],
    ["invert", "Invert"],
    ["clear", "Clear"],
    ["undo", "Undo"],
  ];
  const bar = make("div", { className: "kf-toolbar", role: "group" });
  bar.setAttribute("aria-label", `Tick ${layout.noun}`);
  for (const [type, text] of actions) {
    const button = make("button", { type: "button", textContent: text, className: `kf-${type.replace("_", "-")}` });
    button.addEventListener("click", () => send(type));
    bar.append(button);
  }
  return bar;
}

function heading(layout, send) {
  const row = make("tr", {}, make("th", { scope: "col" }, make("span", { className: "kf-unseen", textContent: "Ticked" })));
  for (const { name, label } of layout.columns) {
    const button = make("button", { type: "button", className: "kf-sort", textContent: label, title: `Sort by ${label}` });
    button.addEventListener("click", () => send("sort", { column: name }));
    row.append(make("th", { scope: "col", dataset: { column: name } }, button));
  }
  return make("thead", {}, row);
}

function pager(send) {
  const go = (step, text, className) => {
    const button = make("button", { type: "button", textContent: text, className });
    button.addEventListener("click", () => send("turn", { step }));
    return button;
  };
  const where = make("span", { className: "kf-where" });
  const bar = make("div", { className: "kf-pager" }, go(-1, "Previous page", "kf-previous"), where, go(1, "Next page", "kf-next"));
  return { bar, where };
}

function drawRow(row, index, unique, send) {
  const id = `${unique}-${row.key}`;
  const box = make("input", { type: "checkbox", id, checked: row.ticked, tabIndex: index ? -1 : 0, dataset: { key: row.key } });
  box.addEventListener("change", () => send("tick", { key: row.key, on: box.checked }));
  const [first, ...others] = row.cells;
  const name = make("th", { scope: "row" }, make("label", { htmlFor: id, textContent: first || row.key }));
  const cells = others.map((text) => make("td", { textContent: text }));
  return make("tr", { className: row.ticked ? "kf-ticked" : "" }, make("td", {}, box), name, ...cells);
}

// The rows are drawn anew with each change, so the focus is put back on the row that had it.
function drawRows(body, rows, unique, send) {
  const boxes = () => [...body.querySelectorAll("input[type=checkbox]")];
  const focused = body.getRootNode().activeElement;
  const at = boxes().indexOf(focused);
  const key = at < 0 ? null : focused.dataset.key;
  body.replaceChildren(...rows.map((row, index) => drawRow(row, index, unique, send)));
  if (at < 0) return;
  const now = boxes();
  const target = now.find((box) => box.dataset.key === key) ?? now[Math.min(at, now.length - 1)];
  moveTo(now, now.indexOf(target));
}

function moveTo(boxes, index) {
  const target = boxes[Math.min(Math.max(index, 0), boxes.length - 1)];
  if (!target) return;
  for (const box of boxes) box.tabIndex = box === target ? 0 : -1;
  target.focus();
}

function keys(root, body, search, send) {
  const boxes = () => [...body.querySelectorAll("input[type=checkbox]")];
  return (event) => {
    const target = event.composedPath()[0];
    const at = boxes().indexOf(target);
    const isTyping = target.matches("input[type=search], select");
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: boxes().length - 1 };
    if (event.key === "/" && !isTyping) search.focus();
    else if (event.key === "ArrowDown" && target === search) moveTo(boxes(), 0);
    else if (at >= 0 && event.key === "PageDown") send("turn", { step: 1 });
    else if (at >= 0 && event.key === "PageUp") send("turn", { step: -1 });
    else if (at >= 0 && event.key in moves) moveTo(boxes(), moves[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
}

function drawView(root, view) {
  for (const select of root.querySelectorAll("select.kf-filter")) select.value = view.filters[select.dataset.facet] ?? "";
  for (const cell of root.querySelectorAll("th[data-column]")) {
    const direction = view.is_descending ? "descending" : "ascending";
    cell.setAttribute("aria-sort", cell.dataset.column === view.sort ? direction : "none");
  }
  root.querySelector(".kf-where").textContent = `Page ${view.page.toLocaleString("en")} of ${view.n_pages.toLocaleString("en")}`;
  root.querySelector(".kf-previous").disabled = view.page <= 1;
  root.querySelector(".kf-next").disabled = view.page >= view.n_pages;
  root.querySelector(".kf-undo").disabled = !view.can_undo;
  root.querySelector(".kf-tick-matching").textContent = `Tick all ${view.n_matching.toLocaleString("en")} that match`;
  const search = root.querySelector(".kf-search");
  if (root.getRootNode().activeElement !== search) search.value = view.text;
}

function render({ model, el }) {
  const layout = model.get("face");
  const unique = `kf${Math.random().toString(36).slice(2)}`;
  const send = sender(model);
  const search = searchBox(model, send);
  const filters = Object.entries(layout.facets).map(([name, facet]) => labelled(facet.label, filterBox(name, facet, send)));
  const body = make("tbody");
  const said = make("p", { className: "kf-summary", role: "status", aria: { live: "polite" } });
  const { bar } = pager(send);
  const table = make("table", { className: "kf-table" }, make("caption", { textContent: layout.caption }), heading(layout, send), body);
  // Without this, a press of "x" on a row would be a command of the notebook.
  const root = make("div", { className: "kf-picker", dataset: { lmSuppressShortcuts: "true" } });
  root.append(make("div", { className: "kf-controls" }, labelled("Search", search), ...filters), toolbar(send, layout), said,
    make("div", { className: "kf-scroll" }, table), bar);
  root.addEventListener("keydown", keys(root, body, search, send));
  el.replaceChildren(root);

  const draws = {
    rows: () => drawRows(body, model.get("rows"), unique, send),
    summary: () => (said.textContent = model.get("summary")),
    view: () => drawView(root, model.get("view")),
  };
  for (const [name, draw] of Object.entries(draws)) {
    draw();
    model.on(`change:${name}`, draw);
  }
  return () => {
    for (const [name, draw] of Object.entries(draws)) model.off(`change:${name}`, draw);
  };
}

export default { render };
