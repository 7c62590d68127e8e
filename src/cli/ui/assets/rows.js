// Which rows of the map are shown, and which boxes and lines each has. No DOM.

export const COLUMNS = ["Source", "Event bus", "Rule", "Target", "Dead letters"];
const NONE = -1;

/** Whether a node passes the filters. */
export function passes(node, filters) {
  if (filters.namespace && node.namespace !== filters.namespace) return false;
  if (filters.health.size > 0 && !filters.health.has(node.health)) return false;
  if (!filters.text) return true;
  const text = `${node.kind} ${node.namespace ?? ""}/${node.name} ${node.about} ${node.reason ?? ""} ${node.arn ?? ""}`.toLowerCase();
  return filters.text.split(/\s+/).every((word) => text.includes(word));
}

const isOpen = (filters) => !filters.text && !filters.namespace && filters.health.size === 0;

/**
 * The rows that are shown. A row is shown if one of its nodes passes; the bus of a rule counts in rows of its own only, because otherwise
 * every rule of a bus would be found by the name of the bus.
 */
export function visible(graph, filters, only) {
  const passed = isOpen(filters) ? null : graph.nodes.map((node) => passes(node, filters));
  const rows = [];
  for (const row of graph.rows) {
    const [source, bus, rule, target, dead] = row.cells;
    if (only && !only.has(rule)) continue;
    if (passed) {
      const own = [source, rule, target, dead].some((at) => at !== NONE && passed[at]);
      const isFirst = rows.length === 0 || rows.at(-1).group !== row.group;
      if (!own && !(bus !== NONE && passed[bus] && (rule === NONE || isFirst))) continue;
    }
    rows.push(row);
  }
  return rows;
}

/** Draws each bus and each rule once, where it begins, and lines from there to what belongs to it. */
export function drawn(rows) {
  const all = rows.map((row) => ({ row, cells: row.cells.slice(), lines: ["", "", "", ""], isFirst: false }));
  for (let at = 0; at < all.length; at += 1) {
    const before = at > 0 ? all[at - 1].row : null;
    const sameGroup = before?.group === all[at].row.group;
    all[at].isFirst = at > 0 && !sameGroup;
    for (const column of [1, 2]) {
      if (sameGroup && before.cells[column] === all[at].row.cells[column]) all[at].cells[column] = NONE;
    }
  }
  spans(all, 1, (start, end) => {
    connect(all, start, end, 0, (entry) => entry.row.cells[0] !== NONE, "l", "r");
    connect(all, start, end, 1, (entry) => entry.cells[2] !== NONE, "r", "l");
  });
  spans(all, 2, (start, end) => connect(all, start, end, 2, (entry) => entry.row.cells[3] !== NONE, "r", "l"));
  for (const entry of all) {
    if (entry.row.cells[3] !== NONE && entry.row.cells[4] !== NONE) entry.lines[3] = "lr";
  }
  return all;
}

/** Calls `act` with the first and last row of each node of the column. */
function spans(all, column, act) {
  let start = 0;
  for (let at = 1; at <= all.length; at += 1) {
    const same = at < all.length && all[at].row.group === all[start].row.group && all[at].row.cells[column] === all[start].row.cells[column];
    if (same) continue;
    if (all[start].row.cells[column] !== NONE) act(start, at - 1);
    start = at;
  }
}

/** Lines between the node in the first row and those in the rows that `has` names: `own` is the side of the others, `other` that of the node. */
function connect(all, start, end, gutter, has, own, other) {
  const connected = [];
  for (let at = start; at <= end; at += 1) if (has(all[at])) connected.push(at);
  if (connected.length === 0) return;
  const last = connected.at(-1);
  for (let at = start; at <= last; at += 1) {
    let line = at === start ? other : "u";
    if (at < last) line += "d";
    if (has(all[at])) line += own;
    all[at].lines[gutter] = line;
  }
}

/** Counts nodes by health. */
export function counts(nodes) {
  const all = {};
  for (const node of nodes) all[node.health] = (all[node.health] ?? 0) + 1;
  return all;
}
