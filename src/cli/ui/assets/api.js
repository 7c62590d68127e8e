// Requests to the server that this page came from. The token is part of the page's own path.

export class ApiError extends Error {}

async function request(path, options) {
  let answer;
  try {
    answer = await fetch(new URL(`api/${path}`, document.baseURI), { cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server does not answer. Start `tributary ui` again, and open the URL that it prints.");
  }
  const body = await answer.json().catch(() => null);
  if (answer.ok && body !== null) return body;
  throw new ApiError(body?.error?.message ?? `The server answered with status ${answer.status}. Reload the page.`);
}

export const graph = () => request("graph");
export const types = () => request("types");
export const changes = (version, signal) => request(`changes?since=${version}`, { signal });
export const who = (type) => request(`who?type=${encodeURIComponent(type)}`);
export const sample = (type) => request(`sample?type=${encodeURIComponent(type)}`);

export function object(node) {
  return request(`object/${[node.kind, node.namespace || "-", node.name].map(encodeURIComponent).join("/")}`);
}

/** Which rules match the event; `text` is JSON, which the server checks. `bus` is the id of a bus, or empty. */
export function match(text, bus) {
  const query = bus ? `?bus=${encodeURIComponent(bus)}` : "";
  return request(`match${query}`, { method: "POST", headers: { "content-type": "application/json" }, body: text });
}
