// Elements without markup in text: nothing here parses HTML.

export const byId = (id) => document.getElementById(id);

/** An element with properties and children. Children that are null are skipped; text is text. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export const HEALTH = {
  Healthy: "✓",
  Progressing: "…",
  Degraded: "✗",
  Paused: "‖",
  Unknown: "?",
};

/** Health as a symbol and a word. */
export function state(health, more) {
  return element("span", { class: `state ${health}` }, `${HEALTH[health] ?? "?"} ${health}${more ? `: ${more}` : ""}`);
}

export const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
