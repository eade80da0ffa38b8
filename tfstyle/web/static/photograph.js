// The photograph: dropped, chosen, pasted, a sample, or from the camera.

import { view } from "./api.js";
import { get, make, say } from "./dom.js";
import { edit, on, store } from "./store.js";
import { droppable, send } from "./uploads.js";

// Masks belong to a photograph, so that another one begins without.
export function take(image) {
  if (image.id === store.desk.content) return;
  const styles = store.desk.styles.map((style) => ({ ...style, mask: null }));
  edit({ content: image.id, keep: null, styles });
}

// What takes the photographs of a drop, unless another is chosen meanwhile.
function taker() {
  let { content } = store.desk;
  return (image) => {
    if (store.desk.content !== content) return;
    content = image.id;
    take(image);
  };
}

function draw() {
  const image = store.images.get(store.desk.content);
  const picture = get("content-view");
  picture.hidden = !image;
  get("content-note").textContent = image ? image.note : "";
  if (!image) return;
  picture.src = view(image.id);
  picture.alt = `Photograph: ${image.name}, ${image.width} by ` +
    `${image.height} pixels`;
}

// Buttons with the samples of a kind.
export function samples(box, kind, take) {
  const found = [...store.images.values()].filter((x) => x.sample === kind);
  box.replaceChildren(...found.map((image) => {
    const button = make("button", { type: "button", title: image.name },
      make("img", { src: view(image.id), alt: image.name, loading: "lazy" }));
    button.addEventListener("click", () => take(image, 1));
    return button;
  }));
}

async function openCamera() {
  const dialog = get("camera"), video = get("camera-video");
  get("camera-open").disabled = true;
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia(
      { video: { facingMode: "environment", width: { ideal: 1920 } } });
    await video.play();
  } catch {
    say("No camera can be used here; choose a file.", true);
    closeCamera();
    return;
  }
  dialog.showModal();
}

function closeCamera() {
  const video = get("camera-video");
  for (const track of video.srcObject?.getTracks() ?? []) track.stop();
  video.srcObject = null;
  get("camera-open").disabled = false;
}

async function takePhotograph() {
  const video = get("camera-video");
  const canvas = make("canvas",
    { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  get("camera").close();
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  const taken = taker(), image = await send(blob, "Camera.png");
  if (image) taken(image);
}

export function start() {
  droppable(get("content-drop"), get("content-file"), taker);
  on("desk", draw);
  on("images", () => samples(get("content-samples"), "photo", take));
  get("camera-open").addEventListener("click", openCamera);
  get("camera").addEventListener("close", closeCamera);
  get("camera-take").addEventListener("click", takePhotograph);
  document.addEventListener("paste", async (event) => {
    const [file] = event.clipboardData.files, taken = taker();
    const image = file && await send(file, file.name || "Pasted.png");
    if (image) taken(image);
  });
}
