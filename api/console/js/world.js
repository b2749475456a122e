// The view of the world: joins the model, the camera, the two projections, the tree and the inspector.

import * as api from "./api.js";
import { Camera } from "./camera.js";
import { $, colour, isCalm, isStill, make, onTheme, say } from "./dom.js";
import * as inspector from "./inspector.js";
import { length, speed, whole } from "./format.js";
import { Labels } from "./labels.js";
import * as live from "./live.js";
import { complain } from "./message.js";
import { Model, between } from "./model.js";
import * as nav from "./nav.js";
import { titleOf } from "./objects.js";
import { Plan } from "./plan2d.js";
import { Space, isPossible } from "./space3d.js";
import * as tree from "./tree.js";

const PAGE = 1000;
/** Pages of the tree; of bodies there is one, because no more are in a scene. */
const PAGES_MAX = 3;
/** Between two looks at what there is, where something has come or gone. */
const DESCRIBE_MS = 10_000;
/** Frames a second at most: nothing here is fast. */
const FRAME_MS = 33;

export const model = new Model();
const canvas = $("world-canvas");
const camera = new Camera($("stage"), { changed: () => wake(), pick });
const plan = new Plan($("world-plan"));
const labels = new Labels($("world-labels"));
let space = null;
let focus = null;
let selected = null;
let items = [];
let isFirst = true;
let described = -Infinity;
let frame = 0;
let drawn = 0;
let colours = {};
let rate = 1;

async function all(path, key, pages) {
  const list = [];
  let next = null;
  for (let page = 0; page < pages; page++) {
    const reply = await api.get(`${path}?limit=${PAGE}${next === null ? "" : `&after=${next}`}`);
    list.push(...reply[key]);
    next = reply.next ?? null;
    if (next === null) break;
  }
  return [list, next !== null];
}

/** What the picture does not show. */
function tellMissing(count) {
  const why = [space ? "" : "This browser has no WebGL 2: the world is shown from above.", count ? `The first ${whole(count)} bodies and entities are shown.` : ""];
  say($("stage-note"), why.filter(Boolean).join(" "));
  $("stage-note").hidden = $("stage-note").textContent === "";
}

/** Asks what there is. */
async function describe() {
  if (performance.now() - described < DESCRIBE_MS) return;
  described = performance.now();
  try {
    const [[bodies, hasMore], [nodes]] = await Promise.all([all("/physics/bodies", "bodies", 1), all("/scene/hierarchy", "nodes", PAGES_MAX)]);
    model.describe(bodies);
    tellMissing(hasMore ? bodies.length : 0);
    tree.take(nodes);
    if (!model.objects.has(focus?.id)) focusOn(model.heaviest(), isFirst);
    if (isFirst && focus) home();
    isFirst = false;
    tabulate();
    wake();
  } catch (error) {
    // Who asks for patience is asked again in time.
    if (error.retryAfter) described += 1000 * error.retryAfter;
    else complain(error);
  }
}

live.on("scene", (scene) => {
  if (isStill && model.scenes > 0 && model.objects.size > 0) return;
  if (model.take(scene, performance.now()) && nav.isShown("world")) describe();
  inspector.refresh();
  if ($("distances").open) tabulate();
  wake();
});
live.on("sample", (sample) => {
  rate = sample.held ? 0 : sample.time_factor_quarters / 4;
});

nav.view("world", {
  show() {
    live.wantScene(true);
    described = -Infinity;
    describe();
    wake();
  },
  hide() {
    live.wantScene(false);
  },
});

export function choose(id) {
  selected = id;
  tree.select(id);
  inspector.select(id);
  wake();
}

function focusOn(object, isQuiet = false) {
  if (!object) return;
  focus = object;
  say($("focus-name"), object.name);
  if (!isQuiet) camera.fit(Math.max(object.radius * 4, object.kind === "body" ? 1e4 : 50));
  wake();
}

function home() {
  focusOn(model.heaviest(), true);
  if (focus) camera.fit(model.extent(focus));
}

const focusSelected = () => focusOn(model.objects.get(selected));

function setMode(isFlat) {
  camera.isFlat = isFlat || !space;
  camera.pan = [0, 0];
  $("mode-2d").setAttribute("aria-pressed", String(camera.isFlat));
  $("mode-3d").setAttribute("aria-pressed", String(!camera.isFlat));
  canvas.hidden = camera.isFlat;
  $("world-plan").hidden = !camera.isFlat;
  wake();
}

/** The thing at a place of the picture. */
function pick(x, y) {
  const near = (item) => Math.hypot(item.x - x, item.y - y) - item.radius;
  const hit = items.filter((item) => near(item) < 12).sort((a, b) => near(a) - near(b) || b.weight - a.weight)[0];
  if (hit) choose(hit.object.id);
}

function wake() {
  if (!frame) frame = requestAnimationFrame(draw);
}

function draw(now) {
  frame = 0;
  if (!nav.isShown("world") || !focus || !$("stage").clientWidth) return;
  const isMoving = rate > 0 && !isCalm;
  if (now - drawn >= FRAME_MS || !isMoving) {
    drawn = now;
    if (isMoving) model.advance(performance.now(), rate);
    paint();
  }
  if (isMoving) wake();
}

function paint() {
  const look = { trails: isStill ? "off" : $("trails").value, line: colours.line };
  items = camera.isFlat
    ? plan.draw(model, focus, { ...look, scale: camera.scale, pan: camera.pan })
    : space.draw(model, focus, { ...look, camera });
  labels.draw(items.map((item) => ({ ...item, isSelected: item.object.id === selected })), colours);
  say($("scale-text"), length(camera.scale * 100));
  $("trails-note").hidden = look.trails === "off" || !model.lacksTrails;
  if (!canvas.dataset.ready) canvas.dataset.ready = "true";
  canvas.dataset.mode = camera.isFlat ? "2d" : "3d";
}

/** The same as the picture in words: what is where, from the focus. */
function tabulate() {
  if (!focus) return;
  const place = [0, 0, 0];
  const rows = [...model.objects.values()].map((object) => {
    between(focus, object, place);
    const about = object.velocity.map((v, axis) => v - focus.velocity[axis]);
    return { object, far: Math.hypot(...place), fast: Math.hypot(...about) };
  });
  rows.sort((a, b) => a.far - b.far);
  $("distance-rows").replaceChildren(...rows.slice(0, 200).map(({ object, far, fast }) => make("tr", {},
    make("td", { text: object.name }), make("td", { text: titleOf(object.kind).replace(/ies$/, "y").replace(/s$/, "") }),
    make("td", { class: "r", text: object === focus ? "focus" : length(far) }), make("td", { class: "r", text: object === focus ? "–" : speed(fast) }))));
}

function recolour() {
  colours = { ink: colour("ink"), halo: colour("sky"), accent: colour("accent"), line: colour("line") };
  wake();
}

export function begin() {
  inspector.begin(model);
  inspector.select(null);
  tree.onChoose((id) => choose(id));
  recolour();
  onTheme(recolour);
  try {
    if (isPossible()) space = new Space(canvas);
  } catch {
    space = null;
  }
  $("mode-3d").disabled = !space;
  tellMissing(0);
  setMode(false);
  $("mode-3d").addEventListener("click", () => setMode(false));
  $("mode-2d").addEventListener("click", () => setMode(true));
  $("zoom-in").addEventListener("click", () => camera.zoom(1 / 1.6));
  $("zoom-out").addEventListener("click", () => camera.zoom(1.6));
  $("home").addEventListener("click", home);
  $("trails").addEventListener("change", wake);
  $("inspector-focus").addEventListener("click", focusSelected);
  $("distances").addEventListener("toggle", tabulate);
  $("tree").addEventListener("dblclick", focusSelected);
  new ResizeObserver(wake).observe($("stage"));
  $("stage").addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const does = { f: focusSelected, Home: home, 2: () => setMode(true), 3: () => setMode(false) }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (does) does();
    else if (!camera.key(event.key)) return;
    event.preventDefault();
  });
}
