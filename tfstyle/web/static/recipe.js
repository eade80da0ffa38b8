// The desk as a recipe, and a recipe back on the desk.

import { edit, store } from "./store.js";

const SHARED = ["strength", "size", "color", "photorealistic"];
const OPTIMIZING = ["steps", "style_weight", "evenness_weight", "seed",
  "features"];

const picked = (names) => Object.fromEntries(
  names.map((name) => [name, store.desk.settings[name]]));

// Whether the desk has all that one pass needs.
export const ready = () => Boolean(store.desk.content) &&
  (store.desk.styles.length > 0 || store.desk.model !== "distilled");

export function recipe(engine) {
  const { content, styles, keep, model } = store.desk;
  if (engine === "specialize") {
    const plain = styles.map(({ image }) => ({ image }));
    return { engine, content, styles: plain };
  }
  if (engine === "one_pass") {
    // A model of its own has its style inside.
    const given = model === "distilled" ? styles : [];
    return { engine, content, styles: given, keep, model,
      settings: picked(SHARED) };
  }
  const settings = picked([...SHARED, ...OPTIMIZING]);
  return { engine, content, styles, keep, settings };
}

// Puts the recipe of a picture on the desk.
export function take(given) {
  const { content, styles, keep, model, settings } = given;
  edit({ content, styles, keep, model, several: styles.length > 1,
    atOnce: false, settings: { ...store.desk.settings, ...settings } });
}
