// A part of the grid, drawn from traits. What was changed lives in Python: this file only sends commands.

const SIGNS = { on: "on", off: "off", unknown: "?", "": "–" };

function cellButton(word, titles, press) {
  const flag = word.replace("*", "");
  const isChanged = word.endsWith("*");
  const name = `${titles.row}, ${titles.store}: ${flag}${isChanged ? ", changed" : ""}`;
  const className = `kf-cell kf-${flag}${isChanged ? " kf-changed" : ""}`;
  const button = make("button", { type: "button", className, textContent: SIGNS[flag], tabIndex: -1, title: name });
  button.setAttribute("aria-label", name);
  if (flag === "on" || flag === "off") button.setAttribute("aria-pressed", flag === "on");
  button.addEventListener("click", press);
  return button;
}

function headButton(text, className, press) {
  const button = make("button", { type: "button", className, textContent: text, title: `Switch all of ${text} that match` });
  button.addEventListener("click", press);
  return button;
}

function drawHead(head, stores, send) {
  const cells = stores.map(({ key, title }) =>
    make("th", { scope: "col" }, headButton(title, "kf-head kf-store", () => send("press", { store: key }))));
  head.replaceChildren(make("tr", {}, make("th", { scope: "col", textContent: "Entity" }), ...cells));
}

function drawLine(row, stores, send) {
  const name = headButton(row.title, "kf-head", () => send("press", { entity: row.key }));
  const cells = row.cells.map((word, index) => {
    if (!word) return make("td", { textContent: SIGNS[""], title: "not in this store's menu" });
    const titles = { row: row.title, store: stores[index].title };
    return make("td", {}, cellButton(word, titles, () => send("press", { entity: row.key, store: stores[index].key })));
  });
  const type = make("span", { className: "kf-type", textContent: ` ${row.type}` });
  return make("tr", {}, make("th", { scope: "row" }, name, type), ...cells);
}

const place = (button) => [button.closest("tr").rowIndex, button.closest("td, th").cellIndex];
const cellAt = (table, row, column) => table.rows[row]?.cells[column]?.querySelector("button.kf-cell");

// Cells are drawn anew, so the focus is put back where it was.
function drawBody(table, model, send) {
  const focused = table.getRootNode().activeElement;
  const at = table.tBodies[0].contains(focused) ? { where: place(focused), isCell: focused.matches(".kf-cell") } : null;
  const stores = model.get("stores");
  drawHead(table.tHead, stores, send);
  table.tBodies[0].replaceChildren(...model.get("rows").map((row) => drawLine(row, stores, send)));
  const first = table.querySelector("button.kf-cell");
  if (first) first.tabIndex = 0;
  if (!at) return;
  const cell = table.rows[at.where[0]]?.cells[at.where[1]]?.querySelector("button");
  if (cell && at.isCell) focusCell(table, cell);
  else cell?.focus();
}

function focusCell(table, cell) {
  for (const other of table.querySelectorAll("button.kf-cell")) other.tabIndex = other === cell ? 0 : -1;
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
  const undo = headButton("Undo", "kf-undo", () => send("undo"));
  const clear = headButton("Drop all changes", "kf-clear", () => send("clear"));
  undo.title = clear.title = "";
  const said = make("p", { className: "kf-summary", role: "status", aria: { live: "polite" } });
  const table = make("table", { className: "kf-table" }, make("caption", { textContent: "What is on in which store; a press switches" }), make("thead"), make("tbody"));
  const root = make("div", { className: "kf-matrix" }, sides.entities.bar, sides.stores.bar,
    make("div", { className: "kf-toolbar" }, undo, clear), said, make("div", { className: "kf-scroll" }, table));
  root.addEventListener("keydown", keys(table, sides.entities.input));
  el.replaceChildren(root);

  const draws = {
    rows: () => drawBody(table, model, send),
    stores: () => drawBody(table, model, send),
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
