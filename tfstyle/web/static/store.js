// What the page knows: images, jobs, the machine, and the desk, which holds
// what is chosen. The program keeps the desk, so that a reload finds it.

import { postJson } from "./api.js";
import { later, telling } from "./dom.js";

export const DEFAULTS = {
  content: null, styles: [], several: false, keep: null, model: "distilled",
  shown: null, atOnce: true,
  settings: {
    strength: 1, size: 512, color: "style", photorealistic: false,
    steps: 120, style_weight: 80, evenness_weight: 1, seed: 0,
    features: "vgg_distilled",
  },
};

export const store = {
  images: new Map(), jobs: new Map(), progress: new Map(), networks: [],
  desk: structuredClone(DEFAULTS),
};

const target = new EventTarget();

// on("desk", f): also "jobs", "images", "machine", "shown", "progress",
// "frame", "edited" (a change of the desk by the user).
export function on(names, listener) {
  for (const name of names.split(" ")) {
    target.addEventListener(name, (event) => listener(event.detail));
  }
}

export function emit(name, detail) {
  target.dispatchEvent(new CustomEvent(name, { detail }));
}

export function restore(desk) {
  const settings = { ...DEFAULTS.settings, ...desk.settings };
  store.desk = { ...structuredClone(DEFAULTS), ...desk, settings };
  const known = (id) => store.images.has(id);
  const found = (id) => known(id) ? id : null;
  store.desk.styles = store.desk.styles.filter((s) => known(s.image))
    .map((style) => ({ ...style, mask: found(style.mask) }));
  store.desk.content = found(store.desk.content);
  store.desk.keep = found(store.desk.keep);
}

let unsaved = false;  // Whether the program may not have the desk.

const save = later(telling(async () => {
  unsaved = false;
  try {
    await postJson("api/desk", store.desk);
  } catch (error) {
    unsaved = true;
    throw error;
  }
}), 300);

function changed() {
  unsaved = true;
  save();
}

// Once the program answers again.
export const saveAgain = () => { if (unsaved) save(); };

addEventListener("pagehide", () => {
  if (!unsaved) return;
  postJson("api/desk", store.desk, { keepalive: true }).catch(() => {});
});

// Changes the desk by the user's wish; pictures may be painted at once.
export function edit(changes) {
  Object.assign(store.desk, changes);
  changed();
  emit("desk");
  emit("edited");
}

export const editSettings = (changes) =>
  edit({ settings: { ...store.desk.settings, ...changes } });

export const shown = () => store.jobs.get(store.desk.shown);

export function show(id) {
  if (store.desk.shown !== id) {
    store.desk.shown = id;
    changed();
  }
  emit("shown");
}
