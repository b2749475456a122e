// Fields that a debug session watches, with their values.

import { ask, figure, isConnected, onSession, word } from "./debug.js";
import { $, button, make, say } from "./dom.js";
import { value as shown } from "./format.js";
import { trying } from "./message.js";
import * as nav from "./nav.js";

const LOOK_MS = 1000;

let timer = 0;
let known = "";

async function look() {
  if (!isConnected() || !nav.isShown("debug")) return;
  const state = await ask("state").catch(() => null);
  if (!state) return;
  const ids = state.watches.map((watch) => watch.watch).join(" ");
  if (ids !== known) {
    known = ids;
    $("watches").replaceChildren(...state.watches.map(row));
  }
  if (!state.watches.length) $("watches").replaceChildren(make("li", { class: "dim", text: "None." }));
  const values = $("watches").querySelectorAll(".num");
  state.watches.forEach((watch, at) => say(values[at], watch.value === undefined || watch.value === null ? "not there" : shown(watch.value)));
}

function row(watch) {
  const name = `${watch.entity}: ${watch.component}.${watch.field}`;
  const clear = (event) => trying(() => ask("unwatch", { watch: watch.watch }), event.currentTarget).then(look);
  return make("li", {}, make("span", { class: "grow", text: name }), make("span", { class: "num live" }), button("Clear", clear, { class: "quiet", "aria-label": `Clear the watch of ${name}` }));
}

export function begin() {
  $("watch-form").addEventListener("submit", (event) => {
    event.preventDefault();
    trying(async () => {
      await ask("watch", { entity: figure("watch-entity", "An entity's number", 0), component: word("watch-component", "The component"), field: word("watch-field", "The field") });
      await look();
    }, event.submitter);
  });
  onSession((isOpen) => {
    clearInterval(timer);
    known = "";
    $("watches").replaceChildren(make("li", { class: "dim", text: "None." }));
    if (isOpen) timer = setInterval(look, LOOK_MS);
  });
  nav.view("debug", { show: look });
}
