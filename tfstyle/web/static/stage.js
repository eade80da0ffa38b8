// The picture in the middle, beside the photograph by a slider.

import { view } from "./api.js";
import { get } from "./dom.js";
import { emit, on, shown, store } from "./store.js";

const GOING = new Set(["waiting", "running"]);

let busy = false;    // Whether a picture is being loaded,
let wanted = null;   // and the address of the one after it.
let address = "";

// Pictures are decoded before they are shown, so that nothing flickers; of
// those that come meanwhile, only the last is loaded.
async function load(next) {
  wanted = next;
  if (busy) return;
  busy = true;
  while (wanted && wanted !== address) {
    address = wanted;
    const image = new Image();
    image.src = address;
    try {
      await image.decode();
      if (address === url(image)) place(image);  // Not cleared meanwhile.
    } catch {
      // Removed meanwhile, or not to be had: it may be asked for again.
      if (wanted === url(image)) wanted = "";
      address = "";
    }
  }
  busy = false;
}

const url = (image) => image.getAttribute("src");

function place(image) {
  const after = get("after");
  after.src = image.src;
  fit(image.naturalWidth, image.naturalHeight);
  after.hidden = get("compare-bar").hidden = false;
  get("frame").dataset.painted = "yes";
  emit("placed");
}

function fit(width, height) {
  const frame = get("frame");
  frame.style.setProperty("--ratio", width / height);
  frame.hidden = false;
  get("empty").hidden = true;
}

function drawBefore() {
  const job = shown();
  const id = job?.recipe.content ?? store.desk.content;
  const image = store.images.get(id);
  const before = get("before");
  before.hidden = !image;
  if (!image) return;
  if (before.dataset.image !== id) {
    before.src = view(id);
    before.dataset.image = id;
    before.alt = `The photograph: ${image.name}`;
  }
  if (!job?.width && !store.progress.has(job?.id)) {
    fit(image.width, image.height);
  }
}

function draw() {
  const job = shown();
  drawBefore();
  if (!job) return clear();
  get("after").alt = describe(job);
  if (job.status === "running" && store.progress.get(job.id)?.frame) {
    drawFrame(job.id);
  } else if (job.width && job.status !== "running") {
    load(`api/jobs/${job.id}/picture?v=${job.version}`);
  } else if (!job.width && !GOING.has(job.status)) {
    clear();
  }
}

function clear() {
  address = wanted = "";
  get("after").hidden = true;
  get("after").removeAttribute("src");
  get("compare-bar").hidden = !store.desk.content;
  delete get("frame").dataset.painted;
  get("frame").hidden = get("before").hidden;
  get("empty").hidden = !get("frame").hidden;
}

const describe = (job) => {
  const names = job.recipe.styles.map((s) => store.images.get(s.image)?.name);
  return `The painted picture, ${job.width} by ${job.height} pixels` +
    (names.length ? `, in the style of ${names.join(" and ")}` : "");
};

function drawFrame(id) {
  if (id === store.desk.shown) {
    // A run that goes on counts its frames anew.
    const { version } = store.jobs.get(id), { frame } = store.progress.get(id);
    load(`api/jobs/${id}/frame?v=${version}&n=${frame}`);
  }
}

function compare() {
  const slider = get("compare");
  get("before").style.clipPath = `inset(0 ${100 - slider.value}% 0 0)`;
  slider.setAttribute("aria-valuetext", slider.value === "0"
    ? "The painted picture" : `${slider.value} % of the photograph`);
  get("frame").style.setProperty("--divider", `${slider.value}%`);
  get("frame").toggleAttribute("data-compared", slider.value !== "0");
}

// The divider follows the pointer on the picture, too.
function drag(event) {
  if (event.buttons !== 1 || event.target.id === "mask") return;
  const box = get("frame").getBoundingClientRect();
  const share = (event.clientX - box.left) / box.width;
  get("compare").value = Math.round(100 * Math.min(1, Math.max(0, share)));
  compare();
  event.preventDefault();
}

export function start() {
  get("compare").addEventListener("input", compare);
  get("frame").addEventListener("pointerdown", drag);
  get("frame").addEventListener("pointermove", drag);
  on("desk shown jobs images", draw);
  on("frame", drawFrame);
  compare();
}
