// Shows /openapi.json. Everything goes in as text, never as HTML.
"use strict";

function put(parent, tag, text, attributes) {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  parent.append(element);
  return element;
}

function table(parent, heads, rows) {
  if (!rows.length) return;
  const element = put(parent, "table");
  // It scrolls sideways where it is too wide: by the keyboard too.
  element.tabIndex = 0;
  const head = put(put(element, "thead"), "tr");
  for (const text of heads) put(head, "th", text, { scope: "col" });
  const body = put(element, "tbody");
  for (const cells of rows) {
    const row = put(body, "tr");
    for (const text of cells) put(row, "td", text);
  }
}

function named(schema) {
  return schema && schema.$ref ? schema.$ref.split("/").pop() : JSON.stringify(schema || {});
}

function describe(section, contents, method, path, route) {
  const title = method.toUpperCase() + " " + path;
  put(put(contents, "li"), "a", title, { href: "#" + route.operationId });
  const box = put(section, "article", "", { id: route.operationId });
  put(box, "h2", title);
  put(box, "p", route.summary + ". For: " + route["x-access"] + ". " + (route.description || ""));
  table(box, ["parameter", "in", "what", "schema"],
    (route.parameters || []).map((p) => [p.name, p.in, p.description, JSON.stringify(p.schema)]));
  for (const [kind, media] of Object.entries((route.requestBody || {}).content || {})) {
    put(box, "p", "Body: " + kind + " " + named(media.schema));
  }
  if (route["x-messages"]) put(box, "p", "Messages: " + named(route["x-messages"]));
  table(box, ["status", "what", "content"], Object.entries(route.responses).map(([status, response]) => [
    status,
    response.description,
    Object.entries(response.content || {}).map(([kind, media]) => kind + " " + named(media.schema)).join(", "),
  ]));
}

async function show() {
  const about = document.getElementById("about");
  const reply = await fetch("/openapi.json");
  if (!reply.ok) {
    about.textContent = "The description cannot be read now.";
    return;
  }
  const page = await reply.json();
  about.textContent = page.info.description + " Version " + page.info.version + ".";
  const contents = put(document.getElementById("contents"), "ul");
  const routes = document.getElementById("routes");
  for (const [path, methods] of Object.entries(page.paths)) {
    for (const [method, route] of Object.entries(methods)) describe(routes, contents, method, path, route);
  }
  const schemas = document.getElementById("schemas");
  for (const [name, schema] of Object.entries(page.components.schemas)) {
    const box = put(schemas, "article", "", { id: "schema-" + name });
    put(box, "h2", name);
    put(box, "pre", JSON.stringify(schema, null, 2), { tabindex: "0" });
  }
}

show();
