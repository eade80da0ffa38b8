// Elements by id, new elements, and what the page says.

export const get = (id) => document.getElementById(id);

// make("li", { className: "x" }, "text", element)
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export function say(text, error = false) {
  const status = get("status");
  status.textContent = text;
  status.classList.toggle("error", error);
}

// Runs an async function; what goes wrong is said and not thrown.
export const telling = (action) => async (...given) => {
  try {
    return await action(...given);
  } catch (error) {
    say(error instanceof TypeError && /fetch/i.test(error.message)
      ? "The program does not answer. Is it running?" : error.message, true);
    return undefined;
  }
};

// A function that runs an action once no call has come for a while.
export function later(action, wait) {
  let timer = 0;
  const call = () => {
    clearTimeout(timer);
    timer = setTimeout(action, wait);
  };
  call.cancel = () => clearTimeout(timer);
  return call;
}
