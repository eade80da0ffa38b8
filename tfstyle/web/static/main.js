// Starts all parts, and brings them what the program says.

import * as actions from "./actions.js";
import { listen } from "./api.js";
import * as controls from "./controls.js";
import { get, say } from "./dom.js";
import * as history from "./history.js";
import * as live from "./live.js";
import * as masks from "./masks.js";
import * as photograph from "./photograph.js";
import { ready } from "./recipe.js";
import * as stage from "./stage.js";
import { emit, restore, saveAgain, show, store } from "./store.js";
import * as styles from "./styles.js";

let known = false;  // Whether the desk is that of the program.

const byId = (items) => new Map(items.map((item) => [item.id, item]));

function machine({ device, trouble }) {
  get("machine").textContent = trouble || device || "Loading the model …";
  get("machine").classList.toggle("error", Boolean(trouble));
  emit("machine");
}

// After a reload, and after a connection that was lost.
function everything(state) {
  store.images = byId(state.images);
  store.jobs = byId(state.jobs);
  store.networks = state.networks;
  store.progress.clear();
  if (!known) restore(state.desk);
  if (known) {
    saveAgain();
    masks.keepAll();
  }
  known = true;
  machine(state);
  for (const name of ["images", "desk", "jobs", "shown"]) emit(name);
  say(ready() ? "" : "Choose a photograph and a style.");
  document.body.dataset.ready = "yes";
}

function changed(job) {
  const before = store.jobs.get(job.id);
  store.jobs.set(job.id, job);
  if (job.status !== "running") store.progress.delete(job.id);
  live.told(job, before);
  emit("jobs");
}

// The job, unless it is of the photograph of another page.
const ours = (id) =>
  store.jobs.get(id)?.recipe.content === store.desk.content ? id : null;

function removed({ id, heir }) {
  store.jobs.delete(id);
  if (store.desk.shown === id) {
    show(heir ? ours(heir) : [...store.jobs.values()]
      .findLast((job) => job.kept)?.id ?? null);
  }
  emit("jobs");
}

for (const part of [photograph, styles, controls, stage, masks, live, history,
  actions]) {
  part.start();
}
listen({
  state: everything,
  machine,
  job: changed,
  removed,
  progress: live.progressed,
  frame: live.progressed,
  image: (image) => {
    store.images.set(image.id, image);
    emit("images");
  },
}, (refused) => say(refused
  ? "Open the address that the program printed: it has a new token."
  : "The program does not answer. Is it running?", true));
