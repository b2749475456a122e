// Everything about what is selected: a body from the scene, an entity with its components.

import * as api from "./api.js";
import { $, button, empty, make, say } from "./dom.js";
import { length, mass, speed, value as shown } from "./format.js";
import { sentence } from "./message.js";
import { between } from "./model.js";
import { may } from "./session.js";

/** Between two looks at an entity, by requests; through a debug session it is looked at more often. */
const LOOK_MS = 4000;

let model = null;
let selected = null;
let asked = 0;
let seen = null;
let reader = null;
let edit = () => {};

export const begin = (given) => { model = given; };
export const onEdit = (call) => { edit = call; };
/** A debug session reads entities itself; without one they are asked for. */
export const readBy = (call) => { reader = call; };

export function select(id) {
  [selected, asked, seen] = [id, 0, null];
  $("inspector-focus").hidden = id === null;
  $("inspector").replaceChildren(id === null ? empty("Select a body or an entity in the scene.") : empty("Reading …"));
  refresh();
}

/** Called with each scene: shows what has changed. */
export function refresh() {
  if (selected === null) return;
  const object = model.objects.get(selected);
  if (selected < 0) {
    if (object) show(object, null);
    return;
  }
  const now = performance.now();
  if (now - asked < (reader ? 900 : LOOK_MS) || (seen?.id === selected && seen.tick === model.tick)) return;
  asked = now;
  read(selected, object);
}

async function read(id, object) {
  try {
    const entity = await (reader ? reader(id) : api.get(`/entities/${id}`));
    if (id !== selected) return;
    seen = entity;
    show(object, entity);
  } catch (error) {
    if (id !== selected) return;
    if (error.retryAfter) {
      // What is shown stays.
      asked += 1000 * error.retryAfter;
      return;
    }
    const text = error.status === 404 ? "It is not there any more." : sentence(error);
    $("inspector").replaceChildren(empty(text));
  }
}

/** The latest that is known of an entity, for the patch form. */
export const latest = (id) => (seen?.id === id ? seen : null);

const place = [0, 0, 0];

function facts(object, entity) {
  const rows = [["kind", entity?.kind ?? object?.kind ?? ""], ["id", String(selected)]];
  if (!object) return rows;
  const star = model.heaviest();
  rows.unshift(["name", object.name]);
  rows.push(["mass", mass(object.mass)], ["radius", length(object.radius)], ["speed", speed(Math.hypot(...object.velocity))]);
  if (star && star !== object) {
    between(star, object, place);
    rows.push([`from ${star.name}`, length(Math.hypot(...place))]);
  }
  return rows;
}

/** Rows are made once for a shape and then only their values change, so that nothing jumps under the pointer. */
function show(object, entity) {
  const groups = [["", facts(object, entity).map(([key, text]) => ({ key, parts: [text] }))]];
  for (const [component, fields] of Object.entries(entity?.components ?? {})) {
    groups.push([component, Object.entries(fields).map(([key, given]) => ({ key, given, parts: Array.isArray(given) ? given.map(String) : [shown(given)] }))]);
  }
  const shape = JSON.stringify(groups.map(([name, rows]) => [name, rows.map((row) => [row.key, row.parts.length])])) + selected;
  const host = $("inspector");
  if (host.dataset.shape !== shape || host.querySelector(".empty")) build(host, groups, shape);
  const values = host.querySelectorAll(".value span");
  let at = 0;
  for (const [, rows] of groups) for (const row of rows) for (const part of row.parts) say(values[at++], part);
}

function build(host, groups, shape) {
  host.dataset.shape = shape;
  const mayEdit = selected > 0 && may("operator");
  host.replaceChildren(...groups.flatMap(([name, rows]) => [
    name ? make("h3", { text: name }) : null,
    ...rows.map((row) => make("div", { class: row.parts.length > 1 ? "field wide" : "field" },
      make("span", { class: "key", text: row.key }),
      make("span", { class: "value num" }, ...row.parts.map(() => make("span"))),
      name && mayEdit ? button("Edit", () => change(name, row.key), { class: "edit quiet", "aria-label": `Edit ${name} ${row.key}` }) : make("span"))),
  ]).filter(Boolean));
}

function change(component, field) {
  const given = seen?.components[component]?.[field];
  edit({ entity: selected, component, field, value: given === undefined ? "" : shown(given) });
}
