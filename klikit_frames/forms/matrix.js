// A part of the grid, drawn from traits. What was changed lives in Python: this file only sends commands.
// The keys are those of the grid pattern of the W3C's authoring practices.

const SIGNS = { on: "on", off: "off", unknown: "?", "": "–" };

function fillHead(head, text, quiet, dataset) {
  setText(head.firstChild, text);
  setText(head.lastChild, quiet);
  head.title = `Switch all of ${[text, quiet].filter(Boolean).join(", ")} that match`;
  Object.assign(head.dataset, dataset);
}

function newHead(className, press) {
  const head = button("", `kf-head ${className}`, ({ dataset }) => press(dataset));
  head.append(make("span", { className: "kf-name" }), make("span", { className: "kf-quiet" }));
  return head;
}

function fillCell(cell, word, row, store) {
  const flag = word.replace("*", "");
  const isChanged = word.endsWith("*");
  const said = word ? `${flag}${isChanged ? ", changed" : ""}` : "not in this store's menu";
  setText(cell, SIGNS[flag]);
  cell.className = `kf-cell kf-${flag || "absent"}${isChanged ? " kf-changed" : ""}`;
  cell.title = `${row.title}, ${store.title}: ${said}`;
  cell.setAttribute("aria-label", cell.title);
  if (word) cell.removeAttribute("aria-disabled");
  else cell.setAttribute("aria-disabled", "true");
  Object.assign(cell.dataset, { entity: row.key, store: store.key, lmSuppressShortcuts: "true" });
}

function newLine(nStores, send) {
  const name = newHead("kf-entity", ({ entity }) => send("press", { entity }));
  const cells = Array.from({ length: nStores }, () => make("td", { role: "gridcell", className: "kf-cell", tabIndex: -1 }));
  return make("tr", {}, make("th", { scope: "row" }, name), ...cells);
}

function newHeadLine(nStores, send) {
  const heads = Array.from({ length: nStores }, () =>
    make("th", { scope: "col" }, newHead("kf-store", ({ store }) => send("press", { store }))));
  return make("tr", {}, make("th", { scope: "col", textContent: "Entity" }), ...heads);
}

const cellsOf = (table) => [...table.tBodies[0].rows].map((line) => [...line.cells].slice(1));

// Cells are filled anew but never replaced: a press in the middle of an answer still counts, and the focus stays.
function drawGrid(table, part, send) {
  const [stores, rows, body] = [part.get("stores"), part.get("rows"), table.tBodies[0]];
  if (table.tHead.rows[0]?.cells.length !== stores.length + 1) {
    table.tHead.replaceChildren(newHeadLine(stores.length, send));
    body.replaceChildren();
  }
  while (body.rows.length < rows.length) body.append(newLine(stores.length, send));
  while (body.rows.length > rows.length) body.lastElementChild.remove();
  stores.forEach((store, n) => fillHead(table.tHead.rows[0].cells[n + 1].firstChild, store.branch, store.brand, { store: store.key }));
  rows.forEach((row, n) => {
    const [head, ...cells] = body.rows[n].cells;
    fillHead(head.firstChild, row.title, row.type, { entity: row.key });
    cells.forEach((cell, at) => fillCell(cell, row.cells[at], row, stores[at]));
  });
}

// What is selected: a block of cells from where it was begun to where the focus is.
function selection(table) {
  let [anchor, focus] = [[0, 0], [0, 0]];
  const bounds = () => [0, 1].map((side) => [Math.min(anchor[side], focus[side]), Math.max(anchor[side], focus[side])]);
  const draw = ({ isFocused }) => {
    const cells = cellsOf(table);
    const last = [cells.length - 1, (cells[0]?.length ?? 0) - 1];
    for (const place of [anchor, focus]) place.forEach((at, side) => (place[side] = Math.max(0, Math.min(at, last[side]))));
    const [[top, bottom], [left, right]] = bounds();
    cells.forEach((line, row) => line.forEach((cell, column) => {
      const isIn = row >= top && row <= bottom && column >= left && column <= right;
      cell.setAttribute("aria-selected", String(isIn));
      cell.tabIndex = row === focus[0] && column === focus[1] ? 0 : -1;
      if (isFocused && cell.tabIndex === 0) cell.focus();
    }));
  };
  return {
    draw,
    go(place, { isExtended = false } = {}) {
      focus = [...place];
      if (!isExtended) anchor = [...place];
      draw({ isFocused: true });
    },
    all() {
      const cells = cellsOf(table);
      [anchor, focus] = [[0, 0], [cells.length - 1, cells[0].length - 1]];
      draw({ isFocused: true });
    },
    get focus() {
      return focus;
    },
    keys() {
      const [[top, bottom], [left, right]] = bounds();
      const lines = cellsOf(table).slice(top, bottom + 1).map((line) => line.slice(left, right + 1));
      if (!lines.length) return { entities: [], stores: [] };
      return { entities: lines.map(([first]) => first.dataset.entity), stores: lines[0].map((cell) => cell.dataset.store) };
    },
  };
}

function gridKeys(table, chosen, firstSearch, send) {
  return (event) => {
    const target = event.composedPath()[0];
    const [row, column] = chosen.focus;
    const steps = { ArrowDown: [row + 1, column], ArrowUp: [row - 1, column], ArrowRight: [row, column + 1], ArrowLeft: [row, column - 1],
      Home: [event.ctrlKey ? 0 : row, 0], End: [event.ctrlKey ? Infinity : row, Infinity] };
    const isCell = target.matches?.(".kf-cell");
    if (event.key === "/" && !target.matches("input")) firstSearch.focus();
    else if (!isCell) return;
    else if (event.key in steps) chosen.go(steps[event.key], { isExtended: event.shiftKey });
    else if (event.key === " " || event.key === "Enter") send("press", chosen.keys());
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) chosen.all();
    else if (event.key === "Escape") chosen.go(chosen.focus);
    else if (event.key === "PageDown") send("turn", { side: "entities", step: 1 });
    else if (event.key === "PageUp") send("turn", { side: "entities", step: -1 });
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
}

// A press on one cell switches it; a drag, or a press with Shift, selects a block.
function gridMouse(table, chosen, send) {
  let start = null;
  let isDragged = false;
  const placeOf = (event) => {
    const cell = event.composedPath()[0].closest?.(".kf-cell");
    return cell && table.contains(cell) ? [cell.parentElement.sectionRowIndex, cell.cellIndex - 1] : null;
  };
  table.addEventListener("pointerdown", (event) => {
    const place = placeOf(event);
    if (!place || event.button) return;
    event.preventDefault();
    [start, isDragged] = [place, event.shiftKey];
    chosen.go(place, { isExtended: event.shiftKey });
  });
  table.addEventListener("pointerover", (event) => {
    const place = placeOf(event);
    if (!start || !place || !event.buttons) return;
    isDragged ||= String(place) !== String(start);
    if (isDragged) chosen.go(place, { isExtended: true });
  });
  table.addEventListener("pointerup", () => {
    if (start && !isDragged) send("press", chosen.keys());
    start = null;
  });
}

function sideControls(name, label, view, tell) {
  const more = { side: name };
  const { input, flush } = searching(tell, { text: view[name].text, className: `kf-search kf-search-${name}`, more });
  const where = make("span", { className: "kf-where" });
  const turn = (step, text) => {
    const node = button(text, `kf-small kf-turn-${step}`, () => {
      flush();
      tell("turn", { ...more, step });
    });
    node.setAttribute("aria-label", `${step < 0 ? "Previous" : "Next"} ${name}`);
    return node;
  };
  const bar = make("div", { className: "kf-bar" }, labelled(label, input), turn(-1, "◀"), where, turn(1, "▶"));
  const draw = ({ page, n_pages: n, text }) => {
    setText(where, `Page ${page} of ${n}`);
    bar.querySelector(".kf-turn--1").disabled = page <= 1;
    bar.querySelector(".kf-turn-1").disabled = page >= n;
    if (bar.getRootNode().activeElement !== input) input.value = text;
  };
  return { bar, input, flush, draw };
}

function render({ model, el }) {
  const tell = sender(model);
  const part = partOf(model, tell);
  const run = partOf(model, tell, { name: "panel" });
  const view = part.get("view");
  const sides = {
    entities: sideControls("entities", "Search dishes", view, tell),
    stores: sideControls("stores", "Search stores", view, tell),
  };
  const send = (type, more) => {
    for (const side of Object.values(sides)) side.flush();
    tell(type, more);
  };
  const undo = button("Undo press", "kf-small kf-undo-press", () => send("undo"));
  const clear = button("Drop all changes", "kf-small kf-clear", () => send("clear"));
  const said = make("p", { className: "kf-summary", role: "status" });
  const caption = make("caption", { className: "kf-unseen", textContent: "What is on in which store; a press switches" });
  const table = make("table", { className: "kf-table kf-grid", role: "grid", aria: { multiselectable: "true" } }, caption, make("thead"), make("tbody"));
  const chosen = selection(table);
  const set = (text, flag) => button(text, `kf-small kf-set-${text.split(" ").pop()}`, () => send("press", { ...chosen.keys(), flag }));
  const hint = make("span", { className: "kf-missing", textContent: "A press switches a cell; drag, or Shift with arrows, selects more; the space bar switches what is selected." });
  const root = make("div", { className: "kf-form kf-matrix" });
  if (part.get("has_panel")) root.append(titled("The change", "kf-card", panel(run)));
  root.append(sides.entities.bar, sides.stores.bar,
    make("div", { className: "kf-bar" }, set("Selection off", false), set("Selection on", true), undo, clear), hint, said,
    make("div", { className: "kf-scroll" }, table));
  root.addEventListener("keydown", gridKeys(table, chosen, sides.entities.input, send));
  gridMouse(table, chosen, send);
  el.replaceChildren(root);

  part.watch(["rows", "stores"], () => {
    drawGrid(table, part, send);
    chosen.draw({ isFocused: false });
  });
  part.watch(["summary"], () => setText(said, part.get("summary")));
  part.watch(["view"], () => {
    for (const [name, side] of Object.entries(sides)) side.draw(part.get("view")[name]);
    undo.disabled = !part.get("view").can_undo;
  });
  const noMore = downloads(model, tell);
  return () => {
    part.stop();
    run.stop();
    noMore();
  };
}

export default { render };
