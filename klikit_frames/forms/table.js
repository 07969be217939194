// One page of rows, drawn from traits. What is ticked lives in Python: this file only sends commands.

function filterBox(name, facet, send) {
  const select = make("select", { className: `kf-filter kf-filter-${name}`, dataset: { facet: name } });
  select.append(make("option", { value: "", textContent: "all" }));
  for (const choice of facet.choices) select.append(make("option", { value: choice, textContent: choice }));
  select.addEventListener("change", () => send("filter", { name, choice: select.value }));
  return select;
}

function toolbar(send, face) {
  const actions = [
    ["tick_page", "Tick this page"],
    ["tick_matching", "Tick all that match"],
    ["invert", "Invert"],
    ["clear", "Clear"],
    ["undo_tick", "Undo"],
  ];
  const bar = make("div", { className: "kf-toolbar", role: "group" });
  bar.setAttribute("aria-label", `Tick ${face.noun}`);
  for (const [type, text] of actions) {
    const button = make("button", { type: "button", textContent: text, className: `kf-${type.replace("_", "-")}` });
    button.addEventListener("click", () => send(type.replace("undo_tick", "undo")));
    bar.append(button);
  }
  return bar;
}

function heading(face, send) {
  const row = make("tr", {}, make("th", { scope: "col" }, make("span", { className: "kf-unseen", textContent: "Ticked" })));
  for (const { name, label } of face.columns) {
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

function emptyRow(width, id, send) {
  const box = make("input", { type: "checkbox", id, tabIndex: -1 });
  box.addEventListener("change", () => send("tick", { key: box.dataset.key, on: box.checked }));
  const name = make("th", { scope: "row" }, make("label", { htmlFor: id }));
  const cells = Array.from({ length: width - 1 }, () => make("td"));
  return make("tr", {}, make("td", {}, box), name, ...cells);
}

// A tick that Python has not heard of yet stays as it was pressed.
function waitingTicks(model) {
  const waiting = model.get("commands").filter(({ seq, type }) => seq > model.get("done") && type === "tick");
  return new Map(waiting.map(({ key, on }) => [key, on]));
}

function fillRow(line, row, waiting) {
  const box = line.querySelector("input");
  box.checked = waiting.get(row.key) ?? row.ticked;
  box.dataset.key = row.key;
  line.className = row.ticked ? "kf-ticked" : "";
  const [first, ...others] = row.cells;
  line.querySelector("label").textContent = first || row.key;
  others.forEach((text, index) => (line.children[index + 2].textContent = text));
}

const boxesOf = (body) => [...body.querySelectorAll("input[type=checkbox]")];

// Rows are filled anew but never replaced, so that the focus stays where it is.
function drawRows(body, model, unique, send) {
  const rows = model.get("rows");
  const waiting = waitingTicks(model);
  const width = model.get("face").columns.length;
  while (body.children.length < rows.length) body.append(emptyRow(width, `${unique}-${body.children.length}`, send));
  const isLosingFocus = boxesOf(body).slice(rows.length).includes(body.getRootNode().activeElement);
  while (body.children.length > rows.length) body.lastElementChild.remove();
  rows.forEach((row, index) => fillRow(body.children[index], row, waiting));
  const boxes = boxesOf(body);
  if (isLosingFocus) moveTo(boxes, rows.length - 1);
  if (boxes.length && !boxes.some((box) => box.tabIndex === 0)) boxes[0].tabIndex = 0;
}

function keys(root, body, search, send) {
  return (event) => {
    const target = event.composedPath()[0];
    const boxes = boxesOf(body);
    const at = boxes.indexOf(target);
    const isTyping = target.matches("input[type=search], select");
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: boxes.length - 1 };
    if (event.key === "/" && !isTyping) search.focus();
    else if (event.key === "ArrowDown" && target === search) moveTo(boxes, 0);
    else if (at >= 0 && event.key === "PageDown") send("turn", { step: 1 });
    else if (at >= 0 && event.key === "PageUp") send("turn", { step: -1 });
    else if (at >= 0 && event.key in moves) moveTo(boxes, moves[event.key]);
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
  root.querySelector(".kf-undo-tick").disabled = !view.can_undo;
  root.querySelector(".kf-tick-matching").textContent = `Tick all ${view.n_matching.toLocaleString("en")} that match`;
  const search = root.querySelector(".kf-search");
  if (root.getRootNode().activeElement !== search) search.value = view.text;
}

function render({ model, el }) {
  const face = model.get("face");
  const unique = `kf${Math.random().toString(36).slice(2)}`;
  const tell = sender(model);
  const { input: search, flush } = searching(tell, { text: model.get("view").text, className: "kf-search" });
  const send = (type, more) => {
    flush();
    tell(type, more);
  };
  const filters = Object.entries(face.facets).map(([name, facet]) => labelled(facet.label, filterBox(name, facet, send)));
  const body = make("tbody");
  const said = make("p", { className: "kf-summary", role: "status", aria: { live: "polite" } });
  const { bar } = pager(send);
  const table = make("table", { className: "kf-table" }, make("caption", { textContent: face.caption }), heading(face, send), body);
  const root = make("div", { className: "kf-picker" });
  root.append(make("div", { className: "kf-controls" }, labelled("Search", search), ...filters), toolbar(send, face), said,
    make("div", { className: "kf-scroll" }, table), bar);
  root.addEventListener("keydown", keys(root, body, search, send));
  el.replaceChildren(root);

  const draws = {
    rows: () => drawRows(body, model, unique, send),
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
