// The masks: a layer for each style and one for what is kept, painted over the
// picture, sent as PNG files, and read back after a reload.

import { file } from "./api.js";
import { Layer } from "./brush.js";
import { get, later, make, say, telling } from "./dom.js";
import { Sending } from "./sending.js";
import { edit, on, show, shown, store } from "./store.js";
import * as strokes from "./strokes.js";
import { COLORS } from "./styles.js";
import { send } from "./uploads.js";

const KEEP = "keep";
const KEEP_COLOR = "#7a7f87";
const layers = new Map();  // Image of a style, or KEEP -> its layer.
const sending = new Sending(telling(keep));
let of = null;             // Photograph that the layers belong to.

const region = () => get("mask-region").value;
const layer = () => layers.get(region());
const regions = () => [...store.desk.styles.map((style) => style.image), KEEP];
const maskOf = (key) => key === KEEP ? store.desk.keep
  : store.desk.styles.find((style) => style.image === key)?.mask;

// Makes a layer for each region; reads the masks that the program has.
const lay = telling(async () => {
  const photo = store.images.get(store.desk.content);
  if (!photo) return;
  if (of !== photo.id) forget();
  of = photo.id;
  for (const [i, key] of regions().entries()) {
    const color = key === KEEP ? KEEP_COLOR : COLORS[i];
    if (missing(key)) await read(key, photo, color);
    const found = layers.get(key);
    if (found && found.color !== color) found.recolor(color);
  }
  draw();
});

// Whether a region has no layer, or one of another mask than the desk: that of
// a recipe which was taken.
const missing = (key) => !sending.unsent.has(key) &&
  layers.get(key)?.mask !== (maskOf(key) ?? null);

// There is no layer to paint on before its mask was read.
async function read(key, photo, color) {
  layers.delete(key);
  const made = new Layer(photo.width, photo.height, color);
  made.mask = maskOf(key) ?? null;
  if (made.mask) await made.read(await file(made.mask));
  const wanted = of === photo.id && made.mask === (maskOf(key) ?? null);
  if (wanted && missing(key)) layers.set(key, made);
}

function list() {
  const select = get("mask-region"), before = select.value;
  const name = (key) => key === KEEP ? "Keep" : store.images.get(key).name;
  select.replaceChildren(...regions().map((key) =>
    make("option", { value: key, textContent: name(key) })));
  select.value = regions().includes(before) ? before : regions()[0];
}

// All layers, the chosen one strongest, and the ring of the brush.
function draw() {
  const canvas = get("mask"), chosen = layer();
  if (!chosen || canvas.hidden) return;
  canvas.width = chosen.canvas.width;
  canvas.height = chosen.canvas.height;
  const context = canvas.getContext("2d");
  for (const key of regions()) {
    const other = layers.get(key);
    if (!other) continue;
    context.globalAlpha = other === chosen ? 0.7 : 0.3;
    context.drawImage(other.canvas, 0, 0, canvas.width, canvas.height);
  }
  context.globalAlpha = 1;
  strokes.ring(context);
  get("mask-undo").disabled = !chosen.done.length;
  get("mask-redo").disabled = !chosen.undone.length;
}

// Sends a layer, but for one of another photograph; an empty one is no mask.
async function keep(key) {
  const painted = layers.get(key), stale = () =>
    of !== store.desk.content || layers.get(key) !== painted;
  if (!painted || stale()) return true;
  const image = painted.empty ? null
    : await send(await painted.write(), "mask.png");
  if (image === undefined) return false;
  if (stale()) return true;
  const mask = painted.mask = image && image.id;
  if (key === KEEP) {
    edit({ keep: mask });
  } else {
    edit({ styles: store.desk.styles.map((style) =>
      style.image === key ? { ...style, mask } : style) });
  }
  return true;
}
export const keepAll = () => sending.all();

// A recipe brings its own masks.
export function forget() {
  layers.clear();
  sending.unsent.clear();
}
const keepLater = later(keepAll, 400);

function changed() {
  sending.unsent.add(region());
  draw();
  keepLater();
}

function step(way) {
  layer()?.[way]();
  changed();
}

// Changes the chosen layer in a way that can be undone.
function act(change) {
  if (!layer()) return;
  layer().begin();
  change(layer());
  changed();
}

// Whether the picture that is shown is of another photograph than the masks.
const foreign = () =>
  shown() && shown().recipe.content !== store.desk.content;

function toggle() {
  const open = get("masks").hidden;
  get("masks").hidden = get("mask").hidden = !open;
  get("masks-open").setAttribute("aria-expanded", open);
  if (open) {
    if (foreign()) show(null);
    list();
    lay();
  }
}

async function save() {
  if (!layer()) return;
  const link = make("a", { download: "mask.png",
    href: URL.createObjectURL(await layer().write()) });
  link.click();
  URL.revokeObjectURL(link.href);
}

const load = telling(async (event) => {
  const [chosen] = event.target.files, into = layer();
  event.target.value = "";
  if (!chosen || !into) return;
  into.begin();
  try {
    await into.read(chosen);
  } catch (error) {
    into.done.pop();
    throw error;
  }
  say(`The mask “${chosen.name}” is in place.`);
  changed();
});

export function start() {
  const clicks = {
    "masks-open": toggle,
    "mask-undo": () => step("undo"), "mask-redo": () => step("redo"),
    "mask-invert": () => act((chosen) => chosen.invert()),
    "mask-clear": () => act((chosen) => chosen.clear()),
    "mask-export": save,
  };
  for (const [id, action] of Object.entries(clicks)) {
    get(id).addEventListener("click", action);
  }
  get("mask-import").addEventListener("change", load);
  get("mask-region").addEventListener("change", draw);
  strokes.start({ layer, act, step, changed, draw });
  on("desk images", () => {
    if (get("masks").hidden) return;
    if (foreign()) show(null);
    list();
    lay();
  });
  on("placed", draw);
  on("shown", () => { if (!get("masks").hidden && foreign()) toggle(); });
}
