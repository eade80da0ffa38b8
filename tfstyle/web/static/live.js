// The run that is shown: how far it is, its losses, stop and go on.

import { tell } from "./api.js";
import { get, say, telling } from "./dom.js";
import { emit, on, shown, store } from "./store.js";

const WORDS = {
  waiting: "Waits for the picture before it.", running: "Painting …",
  stopped: "Stopped; what is painted is kept.",
};

const time = (seconds) => seconds < 90
  ? `${Math.max(1, Math.round(seconds))} s`
  : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;

function details(now) {
  if (!now.step) return "";
  const parts = [`${now.width}×${now.height}`, `step ${now.step} of ` +
    `${now.steps}`];
  if (now.left) parts.push(`about ${time(now.left)} left`);
  if (now.loss) parts.push(`loss ${now.loss[1].toPrecision(3)}`);
  return parts.join(" · ");
}

// Losses as a line from left to right, on a logarithmic scale.
function line(losses) {
  const logs = losses.map(([, loss]) => Math.log(Math.max(loss, 1e-9)));
  const low = Math.min(...logs), high = Math.max(...logs);
  return losses.map(([share], i) => `${(100 * share).toFixed(1)},` +
    `${(28 - 26 * (logs[i] - low) / (high - low || 1)).toFixed(1)}`).join(" ");
}

function draw() {
  const job = shown();
  const long = job && job.recipe.engine !== "one_pass";
  const open = job && job.status !== "done" && (long ||
    job.status !== "running");
  get("live").hidden = !open;
  if (!open) return;
  const now = store.progress.get(job.id) ?? {};
  get("live-bar").value = now.done ?? job.done;
  const losses = [...job.losses, ...(now.losses ?? [])];
  get("live-losses").toggleAttribute("hidden", losses.length < 2);
  get("live-losses").firstElementChild.setAttribute("points", line(losses));
  get("live-text").textContent = details(now) || job.message ||
    WORDS[job.status] || "";
  const going = job.status === "running" || job.status === "waiting";
  get("live-stop").hidden = !going;
  get("live-resume").hidden = going;
}

// Called with each message about the progress of a job.
export function progressed(message) {
  const before = store.progress.get(message.id) ?? { losses: [] };
  const { losses } = before, last = losses.at(-1);
  if (message.loss && message.loss[0] !== last?.[0]) {
    losses.push(message.loss);
  }
  store.progress.set(message.id, { ...before, ...message });
  emit("frame" in message ? "frame" : "progress", message.id);
}

// Says what became of a job, once, for those who do not see it.
export function told(job, before) {
  if (job.id !== store.desk.shown || job.status === before?.status) return;
  const long = job.recipe.engine !== "one_pass";
  if (job.status === "done") {
    say(`Done in ${time(job.seconds)}.`);
  } else if (job.status === "failed") {
    say(job.message, true);
  } else if (long || job.status === "stopped") {
    say(job.status === "stopped" && !job.width ? job.message
      : WORDS[job.status]);
  }
}

export function start() {
  get("live-stop").addEventListener("click",
    telling(() => tell(store.desk.shown, "stop")));
  get("live-resume").addEventListener("click",
    telling(() => tell(store.desk.shown, "resume")));
  on("shown jobs", draw);
  on("progress", (id) => { if (id === store.desk.shown) draw(); });
}
