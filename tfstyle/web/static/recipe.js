// The desk as a recipe, and a recipe back on the desk.

import { DEFAULTS, edit, store } from "./store.js";

const SHARED = ["strength", "size", "color", "photorealistic"];
const SETTINGS = {
  one_pass: SHARED,
  optimize: [...SHARED, "steps", "style_weight", "evenness_weight", "seed",
    "features"],
};

const picked = (engine, { settings }) => Object.fromEntries(
  SETTINGS[engine].map((name) => [name, settings[name]]));

// Whether the desk has all that one pass needs.
export const ready = () => Boolean(store.desk.content) &&
  (store.desk.styles.length > 0 || store.desk.model !== "distilled");

export function recipe(engine) {
  const { content, styles, keep, model } = store.desk;
  if (engine === "specialize") {
    const plain = styles.map(({ image }) => ({ image }));
    return { engine, content, styles: plain };
  }
  const settings = picked(engine, store.desk);
  if (engine === "one_pass") {
    // A model of its own has its style inside.
    const given = model === "distilled" ? styles : [];
    return { engine, content, styles: given, keep, model, settings };
  }
  return { engine, content, styles, keep, settings };
}

// Puts the recipe of a picture on the desk. What it leaves out, as those of
// older versions do, has its default.
export function take(given) {
  const { engine, content, styles, keep, model } = given;
  const settings = { ...store.desk.settings, ...picked(engine, DEFAULTS),
    ...given.settings };
  edit({ content, styles, keep, model, several: styles.length > 1,
    atOnce: false, settings });
}
