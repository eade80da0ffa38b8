// The brush over the masks, by a pointer or by keys.

import { get } from "./dom.js";

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1],
  ArrowDown: [0, 1] };
let masks = null;  // What `start` was given.
let last = null;   // Where the brush is, in pixels of the canvas.
let pen = null;    // Pointer that was pressed on the canvas.
let erase = false;

const brush = () => ({
  size: Number(get("mask-size").value),
  soft: Number(get("mask-soft").value) / 100, erase,
});

// The ring of the brush.
export function ring(context) {
  if (!last) return;
  for (const [color, wide] of [["#000", 3], ["#fff", 1.5]]) {
    context.strokeStyle = color;
    context.lineWidth = wide;
    context.beginPath();
    context.arc(last.x, last.y, brush().size / 2, 0, 7);
    context.stroke();
  }
}

function point(event) {
  const canvas = get("mask"), box = canvas.getBoundingClientRect();
  return { x: (event.clientX - box.left) / box.width * canvas.width,
    y: (event.clientY - box.top) / box.height * canvas.height };
}

function down(event) {
  if (event.button !== 0 || !masks.layer()) return;
  event.target.setPointerCapture(event.pointerId);
  pen = event.pointerId;
  last = point(event);
  masks.act((layer) => layer.stroke(last, last, brush()));
}

function move(event) {
  const before = last;
  last = point(event);
  if (event.pointerId === pen && before && masks.layer()) {
    masks.layer().stroke(before, last, brush());
    masks.changed();
  } else {
    masks.draw();
  }
}

function key(event) {
  const canvas = get("mask");
  if (!masks.layer()) return;
  last ??= { x: canvas.width / 2, y: canvas.height / 2 };
  if (event.key in STEPS) {
    const [x, y] = STEPS[event.key], far = brush().size / 2;
    last = { x: Math.min(canvas.width, Math.max(0, last.x + x * far)),
      y: Math.min(canvas.height, Math.max(0, last.y + y * far)) };
    masks.draw();
  } else if (event.key === " ") {
    masks.act((layer) => layer.stroke(last, last, brush()));
  } else if (event.key.toLowerCase() === "z") {
    masks.step(event.shiftKey ? "redo" : "undo");
  } else {
    return;
  }
  event.preventDefault();
}

function pick(eraser) {
  erase = eraser;
  get("mask-eraser").setAttribute("aria-pressed", eraser);
  get("mask-brush").setAttribute("aria-pressed", !eraser);
}

// Is given the chosen layer, `act` and `step` to change it in a way that can be
// undone, `changed` after another change, and `draw`.
export function start(given) {
  masks = given;
  const canvas = get("mask");
  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("pointermove", move);
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => { pen = null; });
  }
  canvas.addEventListener("pointerleave", () => {
    last = null;
    masks.draw();
  });
  canvas.addEventListener("keydown", key);
  get("mask-brush").addEventListener("click", () => pick(false));
  get("mask-eraser").addEventListener("click", () => pick(true));
  get("mask-size").addEventListener("input", masks.draw);
}
