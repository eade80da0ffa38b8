// Requests to the program, and the events that it sends.

async function send(path, options) {
  const response = await fetch(path, options);
  if (response.ok) return response.json();
  const answer = await response.json().catch(() => ({}));
  throw new Error(answer.error || `The program answered ${response.status}.`);
}

const post = (path, body, type) =>
  send(path, { method: "POST", headers: { "Content-Type": type }, body });

export const postJson = (path, value = {}) =>
  post(path, JSON.stringify(value), "application/json");

export const upload = (file, name) => post(
  `api/images?name=${encodeURIComponent(name)}`, file,
  "application/octet-stream");

export const remove = (job) => send(`api/jobs/${job}`, { method: "DELETE" });
export const command = (job) => send(`api/jobs/${job}/command`);
export const tell = (job, verb) => postJson(`api/jobs/${job}/${verb}`);
export const view = (image) => `api/images/${image}/view`;

// Calls handlers[kind](message); the browser connects again by itself.
export function listen(handlers, lost) {
  const source = new EventSource("api/events");
  for (const [kind, handle] of Object.entries(handlers)) {
    source.addEventListener(kind, (event) => handle(JSON.parse(event.data)));
  }
  source.addEventListener("error", lost);
}
