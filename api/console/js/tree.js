// The tree of bodies and entities: by kind, what hangs on something below it. Arrows walk, Enter selects.

import { $, make, say } from "./dom.js";
import { faceOf, titleOf } from "./objects.js";

const SHOWN_MAX = 2000;

const closed = new Set(["projectile"]);
let nodes = [];
let selected = null;
let chosen = () => {};

export const onChoose = (call) => { chosen = call; };

/** Takes the nodes of the scene. */
export function take(given) {
  nodes = given;
  build();
}

export function select(id) {
  selected = id;
  for (const item of $("tree").querySelectorAll("[data-entity]")) {
    item.setAttribute("aria-selected", String(item.dataset.entity === String(id)));
  }
}

const nameOf = (node) => node.name || `${node.kind} ${node.id}`;

function build() {
  const words = $("tree-filter").value.trim().toLowerCase();
  const fits = (node) => !words || `${nameOf(node)} ${node.kind} ${node.id}`.toLowerCase().includes(words);
  const shown = nodes.filter(fits).slice(0, SHOWN_MAX);
  const focused = document.activeElement?.dataset?.key;
  say($("tree-count"), words ? `${shown.length} of ${nodes.length}` : String(nodes.length));
  const ids = new Set(shown.map((node) => node.id));
  const children = new Map();
  const kinds = new Map();
  for (const node of shown) {
    const [map, key] = node.parent !== null && ids.has(node.parent) ? [children, node.parent] : [kinds, node.kind];
    map.set(key, [...(map.get(key) ?? []), node]);
  }
  const order = [...kinds.keys()].sort((a, b) => (b === "body") - (a === "body") || (b === "ship") - (a === "ship") || a.localeCompare(b));
  const lines = order.flatMap((kind) => group(kind, sorted(kinds.get(kind)), children));
  if (!lines.length) lines.push(make("div", { role: "treeitem", "aria-level": "1", class: "dim line", text: nodes.length ? "Nothing of that name." : "There is nothing yet." }));
  $("tree").replaceChildren(...lines);
  const items = visible();
  (items.find((item) => item.dataset.key === focused) ?? items.find((item) => item.dataset.entity === String(selected)) ?? items[0]).setAttribute("tabindex", "0");
  if (focused) items.find((item) => item.dataset.key === focused)?.focus();
}

/** Bodies in the order of the scenario, which is that of falling ids. */
const sorted = (list) => (list[0].kind === "body" ? [...list].reverse() : list);

/** A kind, and behind it what is of it: all lines lie side by side, and their level tells what hangs on what. */
function group(kind, members, children) {
  const isOpen = !closed.has(kind);
  const head = make("div", { class: "line", role: "treeitem", "aria-level": "1", "aria-expanded": String(isOpen), tabindex: "-1", "data-key": `kind-${kind}` },
    make("span", { class: "twist", "aria-hidden": "true", text: isOpen ? "▾" : "▸" }),
    make("span", { class: "name dim", text: titleOf(kind) }), make("span", { class: "id", text: String(members.length) }));
  return isOpen ? [head, ...members.flatMap((node) => leaves(node, children, 2))] : [head];
}

function leaves(node, children, level) {
  const dot = make("span", { class: `dot kind-${node.kind}`, "aria-hidden": "true" });
  dot.style.background = faceOf({ name: nameOf(node), kind: node.kind });
  const line = make("div", {
    class: "line", role: "treeitem", "aria-level": String(level), "aria-selected": String(node.id === selected), tabindex: "-1",
    "data-entity": String(node.id), "data-key": `node-${node.id}`,
  }, dot, make("span", { class: "name", text: nameOf(node) }), node.id > 0 ? make("span", { class: "id", text: String(node.id) }) : null);
  line.style.paddingLeft = `${0.5 + 0.8 * (level - 1)}rem`;
  return [line, ...(children.get(node.id) ?? []).flatMap((child) => leaves(child, children, level + 1))];
}

function toggle(kind) {
  if (!closed.delete(kind)) closed.add(kind);
  build();
}

const level = (item) => Number(item?.getAttribute("aria-level") ?? 0);
const visible = () => [...$("tree").querySelectorAll('[role="treeitem"]')];

function go(item) {
  if (!item) return;
  for (const other of visible()) other.setAttribute("tabindex", "-1");
  item.setAttribute("tabindex", "0");
  item.focus();
}

$("tree").addEventListener("keydown", (event) => {
  const item = event.target.closest('[role="treeitem"]');
  if (!item) return;
  const items = visible();
  const place = items.indexOf(item);
  const kind = item.dataset.key?.match(/^kind-(.*)/)?.[1];
  const does = {
    ArrowDown: () => go(items[place + 1]),
    ArrowUp: () => go(items[place - 1]),
    Home: () => go(items[0]),
    End: () => go(items.at(-1)),
    ArrowLeft: () => (kind && !closed.has(kind) ? toggle(kind) : go(items.slice(0, place).findLast((other) => level(other) < level(item)))),
    ArrowRight: () => (kind && closed.has(kind) ? toggle(kind) : go(level(items[place + 1]) > level(item) ? items[place + 1] : null)),
    Enter: () => (kind ? toggle(kind) : chosen(Number(item.dataset.entity))),
    " ": () => (kind ? toggle(kind) : chosen(Number(item.dataset.entity))),
  }[event.key];
  if (!does) return;
  event.preventDefault();
  does();
});
$("tree").addEventListener("click", (event) => {
  const item = event.target.closest("[data-key]");
  if (!item) return;
  if (item.dataset.entity) chosen(Number(item.dataset.entity));
  else toggle(item.dataset.key.slice("kind-".length));
});
$("tree-filter").addEventListener("input", build);
