// The grid: draws the rows that are in view, and moves between boxes by keyboard.

import { byId, element, HEALTH, plural } from "./dom.js";
import { COLUMNS, drawn, visible } from "./rows.js";

const HEIGHT = 44;
const AHEAD = 8;

export class MapView {
  constructor(open) {
    this.grid = byId("map");
    this.space = byId("rows");
    this.open = open;
    this.graph = { nodes: [], rows: [] };
    this.entries = [];
    this.cursor = { row: 0, column: 0 };
    this.selected = null;
    this.lit = null;
    this.grid.addEventListener("scroll", () => this.draw(false));
    this.grid.addEventListener("keydown", (event) => this.key(event));
    this.grid.addEventListener("focus", () => this.focusCursor());
    new ResizeObserver(() => this.draw(false)).observe(this.grid);
  }

  /** Shows the graph as far as the filters say. `lit`: indices of matched rules, or null. */
  show(graph, filters, lit, only) {
    const focused = this.focusedId();
    this.graph = graph;
    this.lit = lit;
    this.entries = drawn(visible(graph, filters, only ? lit : null));
    this.space.style.height = `${this.entries.length * HEIGHT}px`;
    this.grid.setAttribute("aria-rowcount", String(this.entries.length));
    this.grid.classList.toggle("matched", lit !== null);
    this.keepCursor(focused);
    this.draw();
    if (focused) this.focusCursor();
    const shown = new Set(this.entries.flatMap((entry) => entry.row.cells.filter((at) => at >= 0)));
    byId("count").textContent = `${plural(shown.size, "object")} in ${plural(this.entries.length, "row")} of ${plural(graph.rows.length, "row")}`;
  }

  focusedId() {
    return this.space.contains(document.activeElement) ? document.activeElement.dataset.id : null;
  }

  /** Keeps the cursor on the same node when rows come or go. */
  keepCursor(id) {
    const wanted = id ?? this.cursorId;
    const at = this.entries.findIndex((entry) => entry.cells.some((cell) => cell >= 0 && this.graph.nodes[cell].id === wanted));
    if (at >= 0) this.cursor = { row: at, column: this.entries[at].cells.findIndex((cell) => cell >= 0 && this.graph.nodes[cell].id === wanted) };
    else this.moveTo(Math.min(this.cursor.row, this.entries.length - 1), this.cursor.column);
  }

  node(row, column) {
    const at = this.entries[row]?.cells[column] ?? -1;
    return at < 0 ? null : this.graph.nodes[at];
  }

  /** Puts the cursor on the nearest box of the row. */
  moveTo(row, column) {
    if (row < 0 || row >= this.entries.length) return false;
    const columns = [0, 1, 2, 3, 4].filter((at) => this.node(row, at)).sort((a, b) => Math.abs(a - column) - Math.abs(b - column));
    if (columns.length === 0) return false;
    this.cursor = { row, column: columns[0] };
    this.cursorId = this.node(row, columns[0]).id;
    return true;
  }

  key(event) {
    const { row, column } = this.cursor;
    const page = Math.max(1, Math.floor(this.grid.clientHeight / HEIGHT) - 1);
    const moves = {
      ArrowDown: () => this.vertical(1), ArrowUp: () => this.vertical(-1),
      ArrowRight: () => this.horizontal(1), ArrowLeft: () => this.horizontal(-1),
      PageDown: () => this.moveTo(Math.min(row + page, this.entries.length - 1), column), PageUp: () => this.moveTo(Math.max(row - page, 0), column),
      Home: () => this.moveTo(0, event.ctrlKey ? 0 : column), End: () => this.moveTo(this.entries.length - 1, column),
    };
    if (!moves[event.key] || event.altKey || event.metaKey) return;
    event.preventDefault();
    moves[event.key]();
    this.focusCursor();
  }

  /** To the next box of the same column. */
  vertical(step) {
    const { row, column } = this.cursor;
    for (let at = row + step; at >= 0 && at < this.entries.length; at += step) {
      if (this.node(at, column)) return this.moveTo(at, column);
    }
    return this.moveTo(row + step, column);
  }

  /** To the next box of the row; to a bus or rule that begins further up. */
  horizontal(step) {
    const { row, column } = this.cursor;
    for (let to = column + step; to >= 0 && to < 5; to += step) {
      if (this.node(row, to)) return this.moveTo(row, to);
      const wanted = this.entries[row]?.row.cells[to] ?? -1;
      if (wanted < 0) continue;
      for (let at = row; at >= 0; at -= 1) {
        if (this.entries[at].cells[to] === wanted) return this.moveTo(at, to);
      }
    }
    return false;
  }

  /** Height in which rows are in view: the heads of the columns stay above it. */
  height() {
    return this.grid.clientHeight - byId("columns").offsetHeight;
  }

  focusCursor() {
    const { row, column } = this.cursor;
    const top = row * HEIGHT;
    if (top < this.grid.scrollTop) this.grid.scrollTop = top;
    if (top + HEIGHT > this.grid.scrollTop + this.height()) this.grid.scrollTop = top + HEIGHT - this.height();
    this.draw();
    this.space.querySelector(`[data-row="${row}"][data-column="${column}"]`)?.focus({ preventScroll: true });
  }

  /** Marks the node, and scrolls to it if it is out of view. */
  select(id, scroll) {
    this.selected = id;
    const at = this.entries.findIndex((entry) => entry.cells.some((cell) => cell >= 0 && this.graph.nodes[cell].id === id));
    if (scroll && at >= 0) this.reveal(at);
    this.draw();
  }

  reveal(row) {
    const top = row * HEIGHT;
    if (top < this.grid.scrollTop || top + HEIGHT > this.grid.scrollTop + this.height()) {
      this.grid.scrollTop = Math.max(0, top - this.height() / 3);
    }
  }

  revealLit() {
    const at = this.entries.findIndex((entry) => this.lit?.has(entry.row.cells[2]));
    if (at >= 0) this.reveal(at);
  }

  /** Makes the elements of the rows in view. Without `anew`, only if other rows are in view than before. */
  draw(anew = true) {
    const from = Math.max(0, Math.floor(this.grid.scrollTop / HEIGHT) - AHEAD);
    const to = Math.min(this.entries.length, Math.ceil((this.grid.scrollTop + this.grid.clientHeight) / HEIGHT) + AHEAD);
    if (!anew && this.from === from && this.to === to) return;
    [this.from, this.to] = [from, to];
    const focus = document.activeElement;
    const had = this.space.contains(focus) ? [focus.dataset.row, focus.dataset.column] : null;
    const rows = [];
    for (let at = from; at < to; at += 1) rows.push(this.row(at));
    this.space.replaceChildren(...rows);
    this.grid.tabIndex = this.space.querySelector('[tabindex="0"]') ? -1 : 0;
    if (had) this.space.querySelector(`[data-row="${had[0]}"][data-column="${had[1]}"]`)?.focus({ preventScroll: true });
  }

  row(at) {
    const entry = this.entries[at];
    const isLit = this.lit?.has(entry.row.cells[2]) ?? false;
    const parts = [];
    entry.cells.forEach((cell, column) => {
      const box = cell < 0 ? null : this.box(entry, at, column, isLit);
      parts.push(element("div", { class: "cell", role: "gridcell", "aria-colindex": column + 1 }, box));
      if (column < 4) parts.push(gutter(entry.lines[column], isLit && column > 0));
    });
    const made = element("div", { class: entry.isFirst ? "row first" : "row", role: "row", "aria-rowindex": at + 1 }, parts);
    made.style.top = `${at * HEIGHT}px`;
    return made;
  }

  box(entry, at, column, isRowLit) {
    const node = this.graph.nodes[entry.cells[column]];
    const isCursor = this.cursor.row === at && this.cursor.column === column;
    const isLit = isRowLit && column > 1 ? true : this.lit !== null && column === 1 && this.litBuses().has(entry.cells[1]);
    const target = column === 3 && entry.row.target ? `target ${entry.row.target}, ` : "";
    const deliverable = column === 3 && entry.row.deliverable ? `, deliverable: ${entry.row.deliverable}` : "";
    const match = this.lit && column === 2 ? (isRowLit ? ", matches the event" : ", does not match the event") : "";
    const classes = ["node", node.health, node.origin === "Object" ? "" : "missing", isLit ? "lit" : "", node.id === this.selected ? "selected" : ""];
    return element("button", {
      class: classes.filter(Boolean).join(" "), type: "button", tabindex: isCursor ? 0 : -1, "data-row": at, "data-column": column, "data-id": node.id,
      "aria-current": node.id === this.selected ? "true" : null,
      "aria-label": `${COLUMNS[column]}: ${target}${node.kind} ${node.namespace ? `${node.namespace}/` : ""}${node.name}, ${node.health}, ${node.about}${deliverable}${match}`,
      title: `${node.kind} ${node.name}\n${node.health}${node.reason ? `: ${node.reason}` : ""}`,
      onclick: () => { this.cursor = { row: at, column }; this.cursorId = node.id; this.open(node.id); },
    },
    element("span", { class: "mark", "aria-hidden": "true" }, HEALTH[node.health] ?? "?"),
    element("span", { class: "name" }, shortName(node)),
    element("span", { class: "about" }, [kindOf(node), node.about].filter(Boolean).join(" · ")));
  }

  litBuses() {
    if (this.litOf !== this.lit) {
      this.litOf = this.lit;
      this.buses = new Set(this.entries.filter((entry) => this.lit.has(entry.row.cells[2])).map((entry) => entry.row.cells[1]));
    }
    return this.buses;
  }
}

/** Resources in AWS have their ARN as name, whose end is what people know. */
function shortName(node) {
  return node.kind === "Resource" ? node.name.split(/[:/]/).at(-1) : node.name;
}

/** Kinds that their column does not say. */
function kindOf(node) {
  const origin = { Missing: "missing", NotRead: "not read", External: "in AWS" }[node.origin];
  const kind = { BenchlingSubscription: "subscription", BenchlingApp: "app", BenchlingBackfill: "backfill", EventReplay: "replay", EventRedrive: "redrive", AwsAccount: "account" }[node.kind];
  return [kind, origin].filter(Boolean).join(" · ");
}

function gutter(lines, isLit) {
  return element("div", { class: isLit ? "gutter lit" : "gutter", "aria-hidden": "true" }, [...lines].map((line) => element("i", { class: line })));
}
