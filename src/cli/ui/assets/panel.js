// Details of one object.

import * as api from "./api.js";
import { byId, element, state } from "./dom.js";

export class Panel {
  constructor(open, closed) {
    this.panel = byId("panel");
    this.open = open;
    this.closed = closed;
    this.node = null;
  }

  /** Shows the node; `match` is what the event of the page does at it. `focus`: for a node that the user opened. */
  async show(node, match, focus) {
    this.node = node;
    this.panel.hidden = false;
    if (focus) this.fill(node, [element("p", { role: "status" }, "Loading …")], true);
    try {
      const details = await api.object(node);
      if (this.node === node) this.fill(node, this.parts(details, match), focus && !this.panel.contains(document.activeElement));
    } catch (error) {
      if (this.node === node) this.fill(node, [element("p", { class: "error", role: "alert" }, error.message)], false);
    }
  }

  close() {
    if (this.panel.hidden) return false;
    this.panel.hidden = true;
    this.node = null;
    this.closed();
    return true;
  }

  fill(node, parts, focus) {
    const scroll = this.panel.scrollTop;
    const hadFocus = this.panel.contains(document.activeElement);
    this.panel.replaceChildren(
      element("div", { class: "head" },
        element("div", {}, element("h2", { id: "title", tabindex: "-1" }, node.name), element("p", { class: "soft" }, `${node.kind}${node.namespace ? ` in ${node.namespace}` : ""}`)),
        element("button", { type: "button", onclick: () => this.close() }, "Close ", element("kbd", {}, "Esc"))),
      ...parts.filter(Boolean));
    if (focus || hadFocus) byId("title").focus({ preventScroll: true });
    this.panel.scrollTop = focus ? 0 : scroll;
  }

  parts({ node, from, to, nextSteps, commands, object, events }, match) {
    return [
      element("p", {}, state(node.health, node.reason)),
      nextSteps.length > 0 && element("section", { class: `next ${node.health}` },
        element("h3", {}, "What to do"), element("ul", { class: "plain" }, nextSteps.map((step) => element("li", {}, step)))),
      ...this.event(match),
      facts(node),
      this.connections("From", from), this.connections("To", to),
      node.rule?.pattern && element("section", {}, element("h3", {}, "Event pattern"), element("pre", { tabindex: "0" }, JSON.stringify(node.rule.pattern, null, 2))),
      conditions(node.conditions ?? []),
      object?.requiredStatement && element("section", {}, element("h3", {}, "Required statement"),
        element("p", {}, "The owner of the resource adds it to its policy:"), element("pre", { tabindex: "0" }, object.requiredStatement)),
      list("Planned AWS writes", node.plan),
      events && kubernetesEvents(events),
      object && element("section", {}, element("h3", {}, "Spec"), object.error ? element("p", { class: "error" }, object.error) : element("pre", { tabindex: "0" }, object.yaml)),
      list("Commands", commands, "code"),
    ];
  }

  event(match) {
    if (!match) return [];
    if (match.why) return [element("section", {}, element("h3", {}, "The event does not match"), element("p", {}, match.why))];
    return [element("section", {}, element("h3", {}, "The event matches"),
      match.state !== "Enabled" && element("p", { class: "error" }, `The rule's state is ${match.state}.`),
      match.targets.map((target) => [element("p", {}, `Input of target ${target.name}:`), input(target)]))];
  }

  connections(title, all) {
    if (all.length === 0) return null;
    const item = (other) => element("li", { class: other.health },
      state(other.health), ` ${other.target ? `${other.target}: ` : ""}`,
      element("button", { class: "link", type: "button", onclick: () => this.open(other.id) }, `${other.kind} ${other.name}`),
      element("span", { class: "soft" }, [` ${words(other.connection)}`, other.deliverable && `deliverable: ${other.deliverable}`,
        typeof other.deadLetters === "number" && `${other.deadLetters} dead letters`].filter(Boolean).join(", ")),
      other.message && element("p", {}, other.message));
    return element("section", {}, element("h3", {}, title), element("ul", { class: "plain" }, all.map(item)));
  }
}

const words = (name) => name.replace(/([A-Z])/g, " $1").toLowerCase();

/** What a target gets: JSON with line breaks where it is JSON. */
export function input(target) {
  if (target.error) return element("p", { class: "error" }, target.error);
  let text = target.input;
  try {
    text = JSON.stringify(JSON.parse(text), null, 2);
  } catch { /* Plain text of a template. */ }
  return element("pre", { tabindex: "0", class: "input" }, text);
}

function facts(node) {
  const rows = [
    ["Account", node.aws && [node.aws.account, node.aws.accountId, node.aws.region].filter(Boolean).join(" · ")],
    ["Name in AWS", node.aws?.name],
    ["Last event", node.lastEvent], ["Expires", node.expires], ["Schedule", node.rule?.schedule],
    ...(node.facts ?? []).filter((fact) => fact.name !== "schedule").map((fact) => [fact.name, fact.value]),
    ...(node.arns ?? []).map((arn) => ["ARN", arn]),
  ].filter(([, value]) => value);
  if (rows.length === 0) return null;
  return element("section", {}, element("h3", {}, "Facts"),
    element("table", {}, element("tbody", {}, rows.map(([name, value]) => element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value))))));
}

function conditions(all) {
  if (all.length === 0) return null;
  const row = (condition) => element("tr", {}, element("th", { scope: "row" }, condition.type), element("td", {}, condition.status),
    element("td", {}, condition.reason, condition.message ? element("p", {}, condition.message) : null));
  return element("section", {}, element("h3", {}, "Conditions"), element("table", {}, element("tbody", {}, all.map(row))));
}

function kubernetesEvents(events) {
  const item = (event) => element("li", {}, element("span", { class: event.type === "Warning" ? "error" : "" }, `${event.type} ${event.reason}`),
    ` ${event.message}`, element("span", { class: "soft" }, ` ${event.time ?? ""}${event.count > 1 ? `, ${event.count} times` : ""}`));
  const content = events.error ? element("p", { class: "error" }, events.error)
    : events.length === 0 ? element("p", { class: "soft" }, "None. Kubernetes keeps Events for an hour by default.")
      : element("ul", { class: "plain" }, events.map(item));
  return element("section", {}, element("h3", {}, "Kubernetes Events"), content);
}

function list(title, all, tag) {
  if (!all?.length) return null;
  return element("section", {}, element("h3", {}, title), element("ul", { class: "plain" }, all.map((text) => element("li", {}, tag ? element(tag, {}, text) : text))));
}
