// The views and who may see them; one is shown at a time.

import { $, make } from "./dom.js";
import { clear } from "./message.js";
import { may } from "./session.js";

const VIEWS = [
  ["world", "World", "guest"],
  ["debug", "Debug", "operator"],
  ["recordings", "Recordings", "operator"],
  ["peers", "Peers", "operator"],
  ["health", "Health", "guest"],
  ["alerts", "Alerts", "operator"],
  ["audit", "Audit", "admin"],
  ["account", "Account", "guest"],
];

const parts = new Map();
let shown = null;

/** What is done when a view is shown and hidden. */
export const view = (name, { show = () => {}, hide = () => {} }) => parts.set(name, { show, hide });
export const isShown = (name) => shown === name;

/** Builds the buttons of those views that the role may see. */
export function build() {
  const allowed = VIEWS.filter(([, , role]) => may(role));
  $("nav").replaceChildren(...allowed.map(([name, title]) => make("button", {
    type: "button", id: `nav-${name}`, text: title, on: { click: () => { clear(); go(name); } },
  })));
  $("nav").hidden = false;
  go(allowed.some(([name]) => name === shown) ? shown : "world");
}

export function go(name) {
  if (shown && shown !== name) parts.get(shown)?.hide();
  shown = name;
  for (const [other] of VIEWS) {
    $(`view-${other}`).hidden = other !== name;
    const button = $(`nav-${other}`);
    if (button && other === name) button.setAttribute("aria-current", "page");
    else button?.removeAttribute("aria-current");
  }
  parts.get(name)?.show();
}

/** A number beside a view's title; none where it is 0. */
export function count(name, number) {
  const button = $(`nav-${name}`);
  if (!button) return;
  button.querySelector(".count")?.remove();
  if (number > 0) button.append(make("span", { class: "count num", text: String(number) }));
}
