// What the buttons do: paint, optimize, specialize, and with a picture: keep,
// download, paint again, in print size, as a command, remove.

import { command, postJson, remove, tell } from "./api.js";
import { get, later, say, telling } from "./dom.js";
import { told } from "./live.js";
import { forget, keepAll } from "./masks.js";
import { on, show, shown, store } from "./store.js";
import { ready, recipe, take } from "./recipe.js";

let painted = "";  // Recipe of the last picture of one pass.

const submit = telling(async (given, kept) => {
  atOnce.cancel();
  if (given.engine === "one_pass") painted = JSON.stringify(given);
  const job = await postJson("api/jobs", { recipe: given, kept });
  // Its event may have come before this answer, and may be newer.
  if (!store.jobs.has(job.id)) store.jobs.set(job.id, job);
  show(job.id);
  told(store.jobs.get(job.id));
  return job;
});

const atOnce = later(() => {
  const given = recipe("one_pass");
  if (store.desk.atOnce && ready() && JSON.stringify(given) !== painted) {
    submit(given, false);
  }
}, 250);

const paint = (engine) => async () => {
  if (!await keepAll()) return undefined;
  if (engine === "specialize") return submit(recipe(engine), true);
  if (!ready()) {
    say("Choose a photograph and a style.", true);
    return undefined;
  }
  return submit(recipe(engine), true);
};

function again() {
  forget();
  take(shown().recipe);
  submit(shown().recipe, true);
}

function print() {
  const dialog = get("print");
  if (dialog.returnValue !== "paint") return;
  const { recipe: given } = shown();
  const settings = { ...given.settings, size: Number(get("print-size").value) };
  submit({ ...given, settings, dpi: 300 }, true);
}

const openCommand = telling(async () => {
  const { shell, python } = await command(store.desk.shown);
  get("command-shell").textContent = shell;
  get("command-python").textContent = python;
  get("command").showModal();
});

const copy = telling(async (event) => {
  const { copy: id } = event.target.dataset;
  await navigator.clipboard.writeText(get(id).textContent);
  event.target.textContent = "Copied";
});

function openPrint() {
  get("print").returnValue = "";
  get("print").showModal();
}

function draw() {
  const job = shown();
  get("actions").hidden = !job;
  if (!job) return;
  const model = job.recipe.engine === "specialize", { width, kept } = job;
  get("keep").hidden = kept;
  // Nothing moves while a picture takes the place of another.
  get("download").style.visibility = width ? "visible" : "hidden";
  get("download").href =
    `api/jobs/${job.id}/${model ? "model" : "picture"}?download`;
  get("download").textContent = model ? "Download the model" : "Download";
  get("again").hidden = get("print-open").hidden = model;
  get("remove").disabled = job.status === "running" ||
    job.status === "waiting";
}

export function start() {
  const clicks = {
    paint: paint("one_pass"), optimize: paint("optimize"),
    specialize: paint("specialize"), again,
    keep: telling(() => tell(store.desk.shown, "keep")),
    remove: telling(() => remove(store.desk.shown)),
    "print-open": openPrint, "command-open": openCommand,
  };
  for (const [id, action] of Object.entries(clicks)) {
    get(id).addEventListener("click", action);
  }
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", copy);
  }
  get("print").addEventListener("close", print);
  on("edited", atOnce);
  on("shown jobs", draw);
}
