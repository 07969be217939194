// A part of the grid, drawn from traits. What was changed lives in Python: this file only sends commands.

const SIGNS = { on: "on", off: "off", unknown: "?", "": "–" };

function pressable(className, press) {
  const button = make("button", { type: "button", className });
  button.addEventListener("click", () => press(button.dataset));
  return button;
}

function fillHead(button, text, dataset) {
  button.textContent = text;
  button.title = `Switch all of ${text} that match`;
  Object.assign(button.dataset, dataset);
}

function fillCell(button, word, row, store) {
  const flag = word.replace("*", "");
  const isChanged = word.endsWith("*");
  const said = word ? `${flag}${isChanged ? ", changed" : ""}` : "not in this store's menu";
  button.textContent = SIGNS[flag];
  button.disabled = !word;
  button.className = `kf-cell kf-${flag || "absent"}${isChanged ? " kf-changed" : ""}`;
  button.title = `${row.title}, ${store.title}: ${said}`;
  button.setAttribute("aria-label", button.title);
  if (flag === "on" || flag === "off") button.setAttribute("aria-pressed", flag === "on");
  else button.removeAttribute("aria-pressed");
  Object.assign(button.dataset, { entity: row.key, store: store.key });
}

function emptyLine(nStores, send) {
  const name = pressable("kf-head", ({ entity }) => send("press", { entity }));
  const type = make("span", { className: "kf-type" });
  const cell = () => make("td", {}, pressable("kf-cell", ({ entity, store }) => send("press", { entity, store })));
  return make("tr", {}, make("th", { scope: "row" }, name, type), ...Array.from({ length: nStores }, cell));
}

function emptyHead(nStores, send) {
  const head = () => make("th", { scope: "col" }, pressable("kf-head kf-store", ({ store }) => send("press", { store })));
  return make("tr", {}, make("th", { scope: "col", textContent: "Entity" }), ...Array.from({ length: nStores }, head));
}

function fillLine(line, row, stores) {
  fillHead(line.querySelector(".kf-head"), row.title, { entity: row.key });
  line.querySelector(".kf-type").textContent = ` ${row.type}`;
  row.cells.forEach((word, index) => fillCell(line.cells[index + 1].firstChild, word, row, stores[index]));
}

// Cells are filled anew but never replaced: a press in the middle of an answer still counts, and the focus stays.
function drawGrid(table, model, send) {
  const [stores, rows, body] = [model.get("stores"), model.get("rows"), table.tBodies[0]];
  if (table.tHead.rows[0]?.cells.length !== stores.length + 1) {
    table.tHead.replaceChildren(emptyHead(stores.length, send));
    body.replaceChildren();
  }
  while (body.rows.length < rows.length) body.append(emptyLine(stores.length, send));
  while (body.rows.length > rows.length) body.lastElementChild.remove();
  stores.forEach(({ key, title }, index) => fillHead(table.tHead.rows[0].cells[index + 1].firstChild, title, { store: key }));
  rows.forEach((row, index) => fillLine(body.rows[index], row, stores));
  const cells = [...table.querySelectorAll("button.kf-cell:enabled")];
  if (!cells.some((cell) => cell.dataset.kfStop)) stopAt(table, cells[0]);
}

// One cell is a stop of the Tab key, the others are reached from there by arrows.
function stopAt(table, cell) {
  for (const other of table.querySelectorAll("button.kf-cell")) {
    other.tabIndex = other === cell ? 0 : -1;
    if (other === cell) other.dataset.kfStop = "true";
    else delete other.dataset.kfStop;
  }
}

const place = (button) => [button.closest("tr").rowIndex, button.closest("td, th").cellIndex];
const cellAt = (table, row, column) => table.rows[row]?.cells[column]?.querySelector("button.kf-cell:enabled");

function focusCell(table, cell) {
  stopAt(table, cell);
  cell.focus();
}

function keys(table, firstSearch) {
  const steps = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };
  return (event) => {
    const target = event.composedPath()[0];
    const step = steps[event.key];
    if (event.key === "/" && !target.matches("input")) firstSearch.focus();
    else if (step && target.matches(".kf-cell")) walk(table, place(target), step);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
}

function walk(table, [row, column], [down, right]) {
  for (let n = 1; n < 200; n += 1) {
    const next = cellAt(table, row + down * n, column + right * n);
    if (next) return focusCell(table, next);
    if (!table.rows[row + down * n]?.cells[column + right * n]) return undefined;
  }
  return undefined;
}

function sideControls(name, label, view, tell) {
  const more = { side: name };
  const { input, flush } = searching(tell, { text: view[name].text, className: `kf-search kf-search-${name}`, more });
  const where = make("span", { className: "kf-where" });
  const turn = (step, text) => {
    const button = make("button", { type: "button", textContent: text, className: `kf-turn-${step}` });
    button.setAttribute("aria-label", `${step < 0 ? "Previous" : "Next"} ${name}`);
    button.addEventListener("click", () => {
      flush();
      tell("turn", { ...more, step });
    });
    return button;
  };
  const bar = make("div", { className: "kf-controls" }, labelled(label, input), turn(-1, "◀"), where, turn(1, "▶"));
  const draw = ({ page, n_pages: n, text }) => {
    where.textContent = `Page ${page} of ${n}`;
    bar.querySelector(".kf-turn--1").disabled = page <= 1;
    bar.querySelector(".kf-turn-1").disabled = page >= n;
    if (bar.getRootNode().activeElement !== input) input.value = text;
  };
  return { bar, input, flush, draw };
}

function render({ model, el }) {
  const tell = sender(model);
  const view = model.get("view");
  const sides = {
    entities: sideControls("entities", "Search entities", view, tell),
    stores: sideControls("stores", "Search stores", view, tell),
  };
  const send = (type, more) => {
    for (const side of Object.values(sides)) side.flush();
    tell(type, more);
  };
  const undo = pressable("kf-undo-press", () => send("undo"));
  undo.textContent = "Undo";
  const clear = pressable("kf-clear", () => send("clear"));
  clear.textContent = "Drop all changes";
  const said = make("p", { className: "kf-summary", role: "status", aria: { live: "polite" } });
  const table = make("table", { className: "kf-table" }, make("caption", { textContent: "What is on in which store; a press switches" }), make("thead"), make("tbody"));
  const root = make("div", { className: "kf-matrix" }, sides.entities.bar, sides.stores.bar,
    make("div", { className: "kf-toolbar" }, undo, clear), said, make("div", { className: "kf-scroll" }, table));
  root.addEventListener("keydown", keys(table, sides.entities.input));
  el.replaceChildren(root);

  const draws = {
    rows: () => drawGrid(table, model, send),
    stores: () => drawGrid(table, model, send),
    summary: () => (said.textContent = model.get("summary")),
    view: () => {
      for (const [name, side] of Object.entries(sides)) side.draw(model.get("view")[name]);
      undo.disabled = !model.get("view").can_undo;
    },
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
