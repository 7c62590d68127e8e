// Who gets a type of event, and what an event does.

import * as api from "./api.js";
import { byId, element, plural } from "./dom.js";
import { input } from "./panel.js";

const MOST = 50;
const PARTNER = "aws.partner/";

export class Events {
  /** `lit` is called with the ids of the rules that match, and with null when there is no result. */
  constructor(open, lit) {
    this.open = open;
    this.lit = lit;
    this.result = byId("result");
    this.match = null;
    byId("who").addEventListener("submit", (event) => this.run(event, () => this.who()));
    byId("paste").addEventListener("submit", (event) => this.run(event, () => this.matches()));
    byId("sample").addEventListener("click", (event) => this.run(event, () => this.sample()));
    byId("clear").addEventListener("click", () => this.clear());
  }

  async run(event, action) {
    event.preventDefault();
    try {
      await action();
    } catch (error) {
      this.clear();
      this.result.replaceChildren(element("p", { class: "error", role: "alert" }, error.message));
    }
  }

  clear() {
    this.match = null;
    this.result.replaceChildren();
    byId("shown").hidden = true;
    byId("only").checked = false;
    this.lit(null);
  }

  found(ids, ...parts) {
    this.result.replaceChildren(...parts.filter(Boolean));
    byId("shown").hidden = false;
    this.lit(ids);
  }

  async who() {
    const type = byId("type").value.trim();
    if (!type) return this.clear();
    const { rules, isKnown, suggestion, invalid } = await api.who(type);
    this.match = null;
    const item = (rule) => element("li", {}, this.link(rule.id),
      element("span", { class: "soft" }, rule.selection === "All" ? " all of them" : ` depending on ${rule.fields.join(", ")}`,
        rule.state === "Disabled" ? "; the rule is disabled" : ""));
    this.found(rules.map((rule) => rule.id),
      element("h2", {}, `${plural(rules.length, "rule")} ${rules.length === 1 ? "gets" : "get"} ${type}`),
      !isKnown && element("p", { class: "soft" }, `This type is not in the catalog.${suggestion ? ` Did you mean ${suggestion}?` : ""}`),
      list(rules, item), problems(invalid));
  }

  async matches() {
    const { evaluated, matched, missed, invalid, added } = await api.match(byId("event").value, byId("bus").value);
    this.match = new Map([...matched, ...missed].map((rule) => [rule.id, rule]));
    const item = (rule) => element("li", {}, this.link(rule.id), rule.state === "Disabled" && element("span", { class: "error" }, " disabled"),
      rule.targets.map((target) => element("details", {}, element("summary", {}, `input of ${target.name}`), input(target))));
    this.found(matched.map((rule) => rule.id),
      element("h2", {}, `Matched by ${matched.length} of ${plural(evaluated, "rule")}`),
      added.length > 0 && element("p", { class: "soft" }, `Added for the evaluation, because the event lacks them: ${added.join(", ")}.`),
      list(matched, item), problems(invalid),
      missed.length > 0 && element("p", { class: "soft" }, "Open a rule on the map to see why it does not match."));
  }

  async sample() {
    const type = byId("type").value.trim() || "v2.entity.registered";
    const { event } = await api.sample(type);
    const buses = [...byId("bus").options];
    const chosen = byId("bus").selectedOptions[0]?.value ? byId("bus").selectedOptions[0] : buses.find((bus) => bus.dataset.source);
    // Events of Benchling have the source of their event bus.
    if (chosen?.dataset.source && event.source.startsWith(PARTNER)) {
      event.source = chosen.dataset.source;
      byId("bus").value = chosen.value;
    }
    byId("event").value = JSON.stringify(event, null, 2);
  }

  link(id) {
    return element("button", { class: "link", type: "button", onclick: () => this.open(id) }, id.replace(/^EventRule\//, ""));
  }
}

function list(all, item) {
  const more = all.length > MOST ? element("li", { class: "soft" }, `and ${all.length - MOST} more on the map`) : null;
  return element("ul", { class: "plain" }, all.slice(0, MOST).map(item), more);
}

function problems(all) {
  if (all.length === 0) return null;
  return element("div", {}, element("h3", {}, "Not evaluated"), list(all, (one) => element("li", {}, `${one.id}: ${one.message}`)));
}
