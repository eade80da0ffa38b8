// Zones where files are dropped, chosen or pasted.

import { upload } from "./api.js";
import { get, say, telling } from "./dom.js";
import { emit, store } from "./store.js";

// Sends a file; resolves to its image, or undefined.
export const send = telling(async (file, name = file.name) => {
  say(`Reading “${name}” …`);
  await file.slice(0, 1).arrayBuffer().catch(() => {
    throw new Error(`“${name}” cannot be read: choose a file, not a folder.`);
  });
  const image = await upload(file, name);
  store.images.set(image.id, image);
  emit("images");
  say(image.note ? `“${image.name}”: ${image.note}` : "");
  return image;
});

async function sendAll(files, take) {
  let failure = "";
  for (const file of files) {
    const image = await send(file);
    if (image) take(image, files.length);
    else failure = get("status").textContent;
  }
  if (failure) say(failure, true);  // Whatever was said of the next ones.
}

// `begin` returns what takes the images, as soon as files are given.
export function droppable(zone, input, begin) {
  input.addEventListener("change", async () => {
    const files = [...input.files];
    input.value = "";  // So that the same file can be chosen again.
    await sendAll(files, begin());
  });
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    // A copy: the list may be emptied once the event is over.
    sendAll([...event.dataTransfer.files], begin());
  });
}

// A file beside the zones would replace the page.
for (const name of ["dragover", "drop"]) {
  document.addEventListener(name, (event) => event.preventDefault());
}
