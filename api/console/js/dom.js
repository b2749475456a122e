// Makes elements. Everything goes in as text or as an attribute, never as HTML.

export const $ = (id) => document.getElementById(id);

/** An element with properties (`class`, `text`, `on` for events, anything else an attribute) and children. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name === "on") for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Sets text where it has changed: nothing is drawn or read out again for nothing. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Text with a tone: good, warn, bad or none. */
export function tell(element, text, tone = "") {
  say(element, text);
  element.dataset.tone = tone;
  element.hidden = false;
}

export function button(text, on, properties = {}) {
  return make("button", { type: "button", text, on: { click: on }, ...properties });
}

/** A table of rows, each a list of texts or elements; columns that begin with `>` are figures. */
export function table(heads, rows) {
  const is = heads.map((head) => head.startsWith(">"));
  const head = make("tr", {}, ...heads.map((text, i) => make("th", { scope: "col", class: is[i] && "r", text: text.replace(/^>/, "") })));
  const cell = (value, i) => {
    const td = make("td", { class: is[i] && "r" });
    td.append(value ?? "–");
    return td;
  };
  const body = rows.map((cells) => make("tr", {}, ...cells.map(cell)));
  return make("table", {}, make("thead", {}, head), make("tbody", {}, ...body));
}

export function pairs(list, facts) {
  list.replaceChildren(...facts.flatMap(([name, value]) => {
    const dd = make("dd");
    dd.append(value);
    return [make("dt", { text: name }), dd];
  }));
}

export const empty = (text) => make("p", { class: "empty", text });

/** A colour of the style sheet, as a canvas takes it. */
const probe = document.createElement("span");
export function colour(name) {
  if (!probe.isConnected) {
    probe.hidden = true;
    document.body.append(probe);
  }
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

/** Calls back when the colours may have changed. */
const themed = new Set();
export const onTheme = (call) => themed.add(call);
export const themeChanged = () => themed.forEach((call) => call());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", themeChanged);

export const isStill = new URLSearchParams(location.search).get("still") === "1";
export const isCalm = isStill || matchMedia("(prefers-reduced-motion: reduce)").matches;
