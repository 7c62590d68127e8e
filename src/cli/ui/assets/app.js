// Wires the page: filters, map, panel, events, and what changes in the cluster.

import * as api from "./api.js";
import { byId, element, HEALTH } from "./dom.js";
import { Events } from "./events.js";
import { MapView } from "./map.js";
import { Panel } from "./panel.js";
import { counts } from "./rows.js";

const THEMES = ["system", "light", "dark"];
const RETRY = 2000;

const page = { graph: { version: 0, nodes: [], rows: [], notes: [] }, byId: new Map(), lit: null, opened: null };

function filters() {
  const health = new Set([...byId("health").querySelectorAll("input:checked")].map((input) => input.value));
  return { text: byId("search").value.trim().toLowerCase(), namespace: byId("namespace").value, health };
}

function show() {
  const lit = page.lit && new Set(page.lit.map((id) => page.byId.get(id)).filter((at) => at !== undefined));
  map.show(page.graph, filters(), lit, byId("only").checked);
  const empty = byId("empty");
  empty.hidden = map.entries.length > 0;
  empty.textContent = page.graph.version === 0 ? "Reading the cluster …"
    : page.graph.rows.length > 0 ? "Nothing fits the filters." : "No objects here. Apply some, or start `tributary ui` with another namespace or with -A.";
}

function open(id) {
  const node = page.graph.nodes[page.byId.get(id)];
  if (!node) return;
  page.opened = id;
  map.select(id, true);
  panel.show(node, events.match?.get(id), true);
}

function closed() {
  page.opened = null;
  map.select(null, false);
  map.focusCursor();
}

const map = new MapView(open);
const panel = new Panel(open, closed);
const events = new Events(open, (ids) => {
  page.lit = ids;
  show();
  map.revealLit();
});

function options(select, values) {
  const chosen = select.value;
  select.replaceChildren(select.options[0], ...values.map(({ value, text, source }) => element("option", { value, "data-source": source }, text)));
  select.value = values.some(({ value }) => value === chosen) ? chosen : "";
}

/** Source of the events of a partner event bus: its name in AWS. */
function partner(bus) {
  return bus.arn?.match(/:event-bus\/(aws\.partner\/.+)$/)?.[1];
}

function take(graph) {
  page.graph = graph;
  page.byId = new Map(graph.nodes.map((node, at) => [node.id, at]));
  byId("scope").textContent = graph.scope;
  const namespaces = [...new Set(graph.nodes.map((node) => node.namespace).filter(Boolean))].sort();
  options(byId("namespace"), namespaces.map((name) => ({ value: name, text: name })));
  const buses = graph.nodes.filter((node) => node.kind === "EventBus" && node.origin === "Object");
  options(byId("bus"), buses.map((bus) => ({ value: bus.id, text: `${bus.namespace}/${bus.name}`, source: partner(bus) })));
  showHealth(counts(graph.nodes));
  const notes = byId("notes");
  notes.hidden = graph.notes.length === 0;
  notes.replaceChildren(element("ul", {}, graph.notes.map((note) => element("li", {}, note))));
  show();
  if (page.opened && page.byId.has(page.opened)) {
    panel.show(graph.nodes[page.byId.get(page.opened)], events.match?.get(page.opened), false);
  } else if (page.opened) {
    panel.close();
  }
}

function showHealth(number) {
  const box = byId("health");
  if (box.childElementCount === 0) {
    box.append(...Object.entries(HEALTH).map(([health, mark]) => element("label", { class: health },
      element("input", { type: "checkbox", value: health, onchange: show }), element("span", { class: "state" }, `${mark} ${health}`),
      element("span", { class: "number" }))));
  }
  for (const label of box.children) label.lastElementChild.textContent = String(number[label.firstElementChild.value] ?? 0);
}

function live(text, isLost) {
  const status = byId("live");
  status.className = isLost ? "state Degraded" : "state Healthy";
  if (status.textContent !== text) status.textContent = text;
}

const pause = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

/** Follows the cluster: a request waits on the server until there is something new. */
async function follow() {
  for (;;) {
    try {
      const graph = await api.graph();
      take(graph);
      live(graph.version === 0 ? "… reading" : "● live", false);
      let { version } = graph;
      while (version === graph.version) ({ version } = await api.changes(graph.version));
      // A large map is not sent for each of many changes in a row.
      await pause(graph.nodes.length / 10);
    } catch (error) {
      live(`✗ ${error.message}`, true);
      await pause(RETRY);
    }
  }
}

function setTheme(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  byId("theme").textContent = `Theme: ${theme}`;
  byId("theme").dataset.theme = theme;
}

byId("theme").addEventListener("click", () => setTheme(THEMES[(THEMES.indexOf(byId("theme").dataset.theme ?? "system") + 1) % THEMES.length]));
byId("filters").addEventListener("submit", (event) => {
  event.preventDefault();
  map.moveTo(0, 2);
  map.focusCursor();
});
byId("search").addEventListener("input", show);
byId("only").addEventListener("change", show);
byId("namespace").addEventListener("change", show);
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.matches("input:not([type=checkbox]), textarea, select");
  if (event.key === "Escape") {
    if (event.target.id === "search" && event.target.value) return;
    panel.close();
  } else if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    byId("search").focus();
    byId("search").select();
  }
});
api.types().then(({ types }) => byId("types").append(...types.map((type) => element("option", { value: type }))), () => {});
showHealth({});
follow();
