// The masks: a layer for each style and one for what is kept, painted over the
// picture, sent as PNG files, and read back after a reload.

import { Layer } from "./brush.js";
import { get, later, make, say, telling } from "./dom.js";
import { Sending } from "./sending.js";
import { edit, on, show, shown, store } from "./store.js";
import { COLORS } from "./styles.js";
import { send } from "./uploads.js";

const KEEP = "keep";
const KEEP_COLOR = "#7a7f87";
const layers = new Map();  // Image of a style, or KEEP -> its layer.
const sending = new Sending(telling(keep));
let of = null;             // Photograph that the layers belong to.
let last = null;           // Where the brush is, in pixels of the canvas.
let erase = false;

const region = () => get("mask-region").value;
const layer = () => layers.get(region());
const regions = () => [...store.desk.styles.map((style) => style.image), KEEP];
const maskOf = (key) => key === KEEP ? store.desk.keep
  : store.desk.styles.find((style) => style.image === key)?.mask;

// Makes a layer for each region; reads the masks that the program has.
async function lay() {
  const photo = store.images.get(store.desk.content);
  if (!photo) return;
  if (of !== photo.id) {
    layers.clear();
    sending.unsent.clear();
  }
  of = photo.id;
  for (const [i, key] of regions().entries()) {
    // A recipe that is taken may have another mask than the layer.
    const mask = maskOf(key) ?? null;
    if (sending.unsent.has(key) || layers.get(key)?.mask === mask) continue;
    const color = key === KEEP ? KEEP_COLOR : COLORS[i];
    const made = new Layer(photo.width, photo.height, color);
    made.mask = mask;
    layers.set(key, made);
    if (mask) {
      const answer = await fetch(`api/images/${mask}/file`);
      await made.read(await answer.blob());
    }
  }
  draw();
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
  if (last) ring(context);
  get("mask-undo").disabled = !chosen.done.length;
  get("mask-redo").disabled = !chosen.undone.length;
}

function ring(context) {
  for (const [color, wide] of [["#000", 3], ["#fff", 1.5]]) {
    context.strokeStyle = color;
    context.lineWidth = wide;
    context.beginPath();
    context.arc(last.x, last.y, brush().size / 2, 0, 7);
    context.stroke();
  }
}

const brush = () => ({
  size: Number(get("mask-size").value),
  soft: Number(get("mask-soft").value) / 100, erase,
});

// Sends a layer, but for one of another photograph; an empty one is no mask.
async function keep(key) {
  const painted = layers.get(key), stale = () =>
    of !== store.desk.content || layers.get(key) !== painted;
  if (stale()) return true;
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
const keepLater = later(keepAll, 400);

function changed() {
  sending.unsent.add(region());
  draw();
  keepLater();
}

function point(event) {
  const canvas = get("mask"), box = canvas.getBoundingClientRect();
  return { x: (event.clientX - box.left) / box.width * canvas.width,
    y: (event.clientY - box.top) / box.height * canvas.height };
}

function down(event) {
  if (event.button !== 0 || !layer()) return;
  event.target.setPointerCapture(event.pointerId);
  layer().begin();
  last = point(event);
  layer().stroke(last, last, brush());
  changed();
}

function move(event) {
  const next = point(event);
  if (event.buttons === 1 && last && layer()) {
    layer().stroke(last, next, brush());
    last = next;
    changed();
    return;
  }
  last = next;
  draw();
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1],
  ArrowDown: [0, 1] };

function key(event) {
  const canvas = get("mask");
  if (!layer()) return;
  last ??= { x: canvas.width / 2, y: canvas.height / 2 };
  if (event.key in STEPS) {
    const [x, y] = STEPS[event.key], far = brush().size / 2;
    last = { x: Math.min(canvas.width, Math.max(0, last.x + x * far)),
      y: Math.min(canvas.height, Math.max(0, last.y + y * far)) };
    draw();
  } else if (event.key === " ") {
    act((chosen) => chosen.stroke(last, last, brush()));
  } else if (event.key === "z") {
    layer()[event.shiftKey ? "redo" : "undo"]();
    changed();
  } else {
    return;
  }
  event.preventDefault();
}

// Changes the chosen layer in a way that can be undone.
function act(change) {
  if (!layer()) return;
  layer().begin();
  change(layer());
  changed();
}

function pick(eraser) {
  erase = eraser;
  get("mask-eraser").setAttribute("aria-pressed", eraser);
  get("mask-brush").setAttribute("aria-pressed", !eraser);
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
  const [file] = event.target.files;
  event.target.value = "";
  if (!file || !layer()) return;
  layer().begin();
  await layer().read(file);
  say(`The mask “${file.name}” is in place.`);
  changed();
});

export function start() {
  const clicks = {
    "masks-open": toggle,
    "mask-brush": () => pick(false), "mask-eraser": () => pick(true),
    "mask-undo": () => { layer()?.undo(); changed(); },
    "mask-redo": () => { layer()?.redo(); changed(); },
    "mask-invert": () => act((chosen) => chosen.invert()),
    "mask-clear": () => act((chosen) => chosen.clear()),
    "mask-export": save,
  };
  for (const [id, action] of Object.entries(clicks)) {
    get(id).addEventListener("click", action);
  }
  get("mask-import").addEventListener("change", load);
  get("mask-region").addEventListener("change", draw);
  get("mask-size").addEventListener("input", draw);
  const canvas = get("mask");
  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerleave", () => { last = null; draw(); });
  canvas.addEventListener("keydown", key);
  on("desk images", () => {
    if (get("masks").hidden) return;
    if (foreign()) show(null);
    list();
    lay();
  });
  on("placed", draw);
  on("shown", () => { if (!get("masks").hidden && foreign()) toggle(); });
}
