// The one place where the console says in words what happened: a polite live region.

import { $ } from "./dom.js";

let timer = 0;

function show(text, tone, seconds) {
  const region = $("message");
  clearTimeout(timer);
  region.textContent = text;
  region.dataset.tone = tone;
  if (seconds) timer = setTimeout(() => show("", "", 0), seconds * 1000);
}

export const note = (text) => show(text, "", 8);
/** As a note, until somebody does something. */
export const keep = (text) => show(text, "", 0);
export const clear = () => show("", "", 0);

/** Says what went wrong, with everything that the server says about it. */
export function complain(error) {
  if (error?.isSilent) return;
  show(sentence(error), "bad", 20);
}

/** A problem as sentences. */
export function sentence(error) {
  const problem = error?.problem;
  if (!problem) return error?.message ?? String(error);
  const why = (problem.errors ?? []).map((wrong) => (wrong.at ? `${wrong.at}: ${wrong.why}` : wrong.why));
  const again = error.retryAfter ? ` Try again in ${error.retryAfter} s.` : "";
  return [`${problem.title}.${again}`, ...why].join("\n");
}

/** Runs something that may fail, and says so if it does. */
export async function trying(what, element) {
  if (element) element.disabled = true;
  try {
    return await what();
  } catch (error) {
    complain(error);
    return undefined;
  } finally {
    if (element) element.disabled = false;
  }
}
