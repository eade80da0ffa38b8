// The pictures that were kept, the newest first.

import { get, make } from "./dom.js";
import { on, show, store } from "./store.js";

const KINDS = { one_pass: "one pass", optimize: "optimized",
  specialize: "model" };
const STATES = { waiting: "waits", running: "painting", stopped: "stopped",
  failed: "failed" };
const items = new Map();  // Id of a job -> its button.

function caption(job) {
  const names = job.recipe.styles.map((s) => store.images.get(s.image)?.name);
  const what = [names.join(" + ") || "its style", KINDS[job.recipe.engine]];
  if (job.width) what.push(`${job.width}×${job.height}`);
  if (STATES[job.status]) what.push(STATES[job.status]);
  return what.join(", ");
}

function item(id) {
  const button = make("button", { type: "button" },
    make("img", { alt: "" }), make("span"));
  button.addEventListener("click", () => show(id));
  return make("li", {}, button);
}

function fill(element, job) {
  const [button] = element.children, [image, text] = button.children;
  text.textContent = caption(job);
  button.setAttribute("aria-current", job.id === store.desk.shown);
  image.hidden = !job.width && !store.progress.get(job.id)?.frame;
  if (!image.hidden && image.dataset.version !== String(job.version)) {
    image.src = `api/jobs/${job.id}/frame?v=${job.version}`;
    image.dataset.version = job.version;
  }
}

function draw() {
  const kept = [...store.jobs.values()].filter((job) => job.kept)
    .sort((one, other) => other.created - one.created);
  const ids = new Set(kept.map((job) => job.id));
  for (const id of items.keys()) if (!ids.has(id)) items.delete(id);
  for (const job of kept) {
    if (!items.has(job.id)) items.set(job.id, item(job.id));
    fill(items.get(job.id), job);
  }
  const list = get("history"), wanted = kept.map((job) => items.get(job.id));
  // Moving an element would take the focus from it.
  if (wanted.some((element, i) => element !== list.children[i]) ||
      list.children.length !== wanted.length) {
    list.replaceChildren(...wanted);
  }
}

export function start() {
  on("jobs shown images", draw);
}
