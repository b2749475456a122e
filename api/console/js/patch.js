// Sets a field of a component: the whole world agrees on it, at one tick.

import * as api from "./api.js";
import { applied, ask, figure, isConnected, word } from "./debug.js";
import { $, make, tell } from "./dom.js";
import { value as shown } from "./format.js";
import * as inspector from "./inspector.js";
import { sentence } from "./message.js";
import * as nav from "./nav.js";

let entity = null;

/** A number, or several in brackets; a whole number that a float cannot hold is refused rather than rounded. */
function read(text) {
  let value;
  try {
    value = JSON.parse(text.trim().startsWith("[") || !text.includes(",") ? text : `[${text}]`, api.exact);
  } catch {
    value = undefined;
  }
  const numbers = Array.isArray(value) ? value : [value];
  if (numbers.some((number) => typeof number === "bigint")) throw new Error("That number is larger than the console can send exactly.");
  if (!numbers.length || numbers.some((number) => !Number.isFinite(number))) {
    throw new Error("A value is a number, or several such as [1, 2, 3].");
  }
  return value;
}

const form = () => ({ entity: figure("patch-entity", "An entity's number", 0), component: $("patch-component").value.trim(), field: $("patch-field").value.trim() });

async function submit() {
  const change = { ...form(), component: word("patch-component", "The component"), field: word("patch-field", "The field"), value: read($("patch-value").value) };
  const changes = { changes: [change] };
  return isConnected() ? ask("patch", changes) : api.post("/edit/applyChanges", changes);
}

async function readNow() {
  const { entity: id, component, field } = form();
  entity = await (isConnected() ? ask("inspect", { entity: id }) : api.get(`/entities/${id}`));
  suggest();
  const value = entity.components[component]?.[field];
  if (value === undefined) return `Entity ${id} is a ${entity.kind} with ${Object.keys(entity.components).join(", ")}.`;
  $("patch-value").value = shown(value);
  return `At tick ${entity.tick} it is ${shown(value)}.`;
}

/** Names of components and fields, for who types. */
function suggest() {
  const options = (list) => list.map((name) => make("option", { value: name }));
  const components = entity?.components ?? {};
  $("patch-components").replaceChildren(...options(Object.keys(components)));
  $("patch-fields").replaceChildren(...options(Object.keys(components[$("patch-component").value] ?? {})));
}

/** Fills the form from the inspector. */
export function fill({ entity: id, component, field, value }) {
  nav.go("debug");
  $("patch-entity").value = String(id);
  $("patch-component").value = component;
  $("patch-field").value = field;
  $("patch-value").value = value;
  entity = inspector.latest(id);
  suggest();
  tell($("patch-result"), "");
  $("patch-value").focus();
  $("patch-value").select();
}

export function begin() {
  const does = async (what, element) => {
    element.disabled = true;
    try {
      const answer = await what();
      tell($("patch-result"), typeof answer === "string" ? answer : applied(answer), typeof answer === "string" ? "" : "good");
    } catch (error) {
      tell($("patch-result"), sentence(error), "bad");
    } finally {
      element.disabled = false;
    }
  };
  $("patch-form").addEventListener("submit", (event) => {
    event.preventDefault();
    does(submit, $("patch-submit"));
  });
  $("patch-read").addEventListener("click", () => $("patch-entity").reportValidity() && does(readNow, $("patch-read")));
  $("patch-component").addEventListener("input", suggest);
  inspector.onEdit(fill);
}
