// The settings: each input shows a value of the desk, and changes it.

import { get, make } from "./dom.js";
import { edit, editSettings, on, store } from "./store.js";

// How a setting is shown in its input, and read from it.
const PERCENT = { show: (x) => 100 * x, read: (x) => Number(x) / 100 };
const NUMBER = { show: (x) => x, read: Number };
const TEXT = { show: (x) => x, read: (x) => x };
const INPUTS = {
  strength: PERCENT, size: NUMBER, color: TEXT, steps: NUMBER,
  style_weight: NUMBER, evenness_weight: NUMBER, seed: NUMBER, features: TEXT,
};
const UNITS = { strength: " %" };
const NETWORKS = {
  vgg_distilled: "thin, in seconds", vgg16: "VGG16, in minutes",
  vgg19: "VGG19, in minutes",
};

export const models = () => [...store.jobs.values()].filter(
  (job) => job.recipe.engine === "specialize" && job.width &&
    (job.status === "done" || job.status === "stopped"));

export const modelName = (job) =>
  job.recipe.styles.map((s) => store.images.get(s.image)?.name).join(", ");

function options(select, pairs, value) {
  select.replaceChildren(...pairs.map(([key, text]) =>
    make("option", { value: key, textContent: text })));
  select.value = value;
}

function write(input, value) {
  // Sizes for print are not in the list.
  if (input.id === "size" && ![...input.options].some(
    (option) => option.value === String(value))) input.add(new Option(value));
  if (input !== document.activeElement || input.type === "range") {
    input.value = value;
  }
  const output = input.parentElement.querySelector("output");
  if (output) output.value = `${input.value}${UNITS[input.id] || ""}`;
}

function draw() {
  const { desk } = store;
  for (const [name, kind] of Object.entries(INPUTS)) {
    write(get(name), kind.show(desk.settings[name]));
  }
  get("photorealistic").checked = desk.settings.photorealistic;
  get("at-once").checked = desk.atOnce;
  drawModels();
}

function drawModels() {
  const own = models().map((job) => [job.id, `for ${modelName(job)}`]);
  if (!own.some(([id]) => id === store.desk.model)) {
    store.desk.model = "distilled";
  }
  options(get("model"), [["distilled", "any style"], ...own],
    store.desk.model);
}

function bind(name, kind) {
  const input = get(name);
  input.addEventListener("input", () => write(input, input.value));
  input.addEventListener("change", () => {
    if (input.reportValidity()) {
      editSettings({ [name]: kind.read(input.value) });
    }
  });
}

export function start() {
  get("controls").addEventListener("submit", (event) =>
    event.preventDefault());
  Object.entries(INPUTS).forEach(([name, kind]) => bind(name, kind));
  get("photorealistic").addEventListener("change", (event) =>
    editSettings({ photorealistic: event.target.checked }));
  get("at-once").addEventListener("change", (event) =>
    edit({ atOnce: event.target.checked }));
  get("model").addEventListener("change", (event) =>
    edit({ model: event.target.value }));
  on("machine", () => options(get("features"),
    store.networks.map((name) => [name, NETWORKS[name]]),
    store.desk.settings.features));
  on("desk", draw);
  on("jobs images", drawModels);
}
