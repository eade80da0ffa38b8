// Requests to the program, and the events that it sends.

const AGAIN = 5000;  // Milliseconds until a page that was refused asks again.

async function ask(path, options) {
  const response = await fetch(path, options);
  if (response.ok) return response;
  const text = await response.text();
  throw new Error(parsed(text).error || text ||
    `The program answered ${response.status}.`);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

const send = async (path, options) => (await ask(path, options)).json();

const post = (path, body, type, options) => send(path,
  { method: "POST", headers: { "Content-Type": type }, body, ...options });

export const postJson = (path, value = {}, options = {}) =>
  post(path, JSON.stringify(value), "application/json", options);

export const upload = (file, name) => post(
  `api/images?name=${encodeURIComponent(name)}`, file,
  "application/octet-stream");

export const remove = (job) => send(`api/jobs/${job}`, { method: "DELETE" });
export const command = (job) => send(`api/jobs/${job}/command`);
export const tell = (job, verb) => postJson(`api/jobs/${job}/${verb}`);
export const file = async (image) =>
  (await ask(`api/images/${image}/file`)).blob();
export const view = (image) => `api/images/${image}/view`;

// Calls handlers[kind](message); the browser connects again by itself, but not
// where it is refused: by another program at this port, for instance.
export function listen(handlers, lost) {
  const source = new EventSource("api/events");
  for (const [kind, handle] of Object.entries(handlers)) {
    source.addEventListener(kind, (event) => handle(JSON.parse(event.data)));
  }
  source.addEventListener("error", () => {
    const refused = source.readyState === EventSource.CLOSED;
    if (refused) setTimeout(() => listen(handlers, lost), AGAIN);
    lost(refused);
  });
}
