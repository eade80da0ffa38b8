// The styles: one or several, each with its share and its scale.

import { view } from "./api.js";
import { get, make, say } from "./dom.js";
import { edit, on, store } from "./store.js";
import { samples } from "./photograph.js";
import { droppable } from "./uploads.js";

const MOST = 8;
export const COLORS = ["#d1495b", "#2e86ab", "#3a9d5d", "#e0a100", "#8456c9",
  "#d66a1f", "#159a9c", "#a34aa1"];

// A style takes the place of the others, unless several are blended.
function choose(image, count = 1) {
  const { styles } = store.desk;
  const several = store.desk.several || count > 1;
  if (styles.some((style) => style.image === image.id)) return;
  if (styles.length >= MOST) {
    say(`${MOST} styles are the most.`, true);
    return;
  }
  const style = { image: image.id, share: 1, scale: 1, mask: null };
  edit({ several, styles: several ? [...styles, style] : [style] });
}

const change = (index, changes) => edit({
  styles: store.desk.styles.map((style, i) =>
    i === index ? { ...style, ...changes } : style),
});

let sliders = [];  // Functions that show the values of the desk.

function slider(name, index, key, range) {
  const style = store.desk.styles[index];
  const input = make("input", { type: "range", ...range, value: style[key] });
  const output = make("output", { value: format(style[key]) });
  input.setAttribute("aria-label",
    `${name} of ${store.images.get(style.image).name}`);
  input.addEventListener("input", () => {
    output.value = format(Number(input.value));
  });
  input.addEventListener("change", () =>
    change(index, { [key]: Number(input.value) }));
  sliders.push(() => {
    if (input.matches(":active")) return;
    input.value = store.desk.styles[index][key];
    output.value = format(store.desk.styles[index][key]);
  });
  return make("label", {}, name, " ", input, output);
}

const format = (value) => value.toFixed(2).replace(/\.?0+$/, "");

function item(style, index, several) {
  const image = store.images.get(style.image);
  const remove = make("button", { type: "button", textContent: "×" });
  remove.setAttribute("aria-label", `Remove ${image.name}`);
  remove.addEventListener("click", () => {
    edit({ styles: store.desk.styles.filter((_, i) => i !== index) });
    get("style-file").focus();
  });
  const picture = make("img", { src: view(image.id), alt: "" });
  picture.style.borderColor = style.mask ? COLORS[index] : "";
  const rows = [make("strong", { textContent: image.name })];
  if (several) {
    rows.push(slider("Share", index, "share", { min: 0, max: 1, step: 0.05 }));
  }
  rows.push(slider("Scale", index, "scale",
    { min: 0.25, max: 2, step: 0.05 }));
  return make("li", {}, picture, make("div", {}, ...rows), remove);
}

let drawn = "";  // What the rows are of.

function draw() {
  const { styles } = store.desk;
  const blended = styles.length > 1 && !styles.some((style) => style.mask);
  const rows = JSON.stringify(
    [blended, ...styles.map(({ image, mask }) => [image, Boolean(mask)])]);
  // New rows would take the focus from a slider.
  if (rows !== drawn) {
    drawn = rows;
    sliders = [];
    get("style-list").replaceChildren(
      ...styles.map((style, i) => item(style, i, blended)));
  }
  for (const update of sliders) update();
  get("several").checked = store.desk.several;
  get("specialize").disabled = !styles.length;
}

export function start() {
  droppable(get("style-drop"), get("style-file"), () => choose);
  get("several").addEventListener("change", (event) => {
    const several = event.target.checked;
    edit({ several, styles: store.desk.styles.slice(0, several ? MOST : 1) });
  });
  on("desk images", draw);
  on("images", () => samples(get("style-samples"), "style", choose));
}
