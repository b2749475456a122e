// Two recordings side by side, locked in time: one timeline moves both, and the first tick where they differ is marked.

import * as api from "./api.js";
import { $, colour, empty, isCalm, make, onTheme, say, tell } from "./dom.js";
import { whole } from "./format.js";
import { over } from "./labels.js";
import { complain } from "./message.js";
import { Plan } from "./plan2d.js";
import { act, job, nameOf } from "./recordings.js";
import { States, modelOf } from "./states.js";

const SIDES = ["left", "right"];
/** Pictures a second while it plays. */
const PLAY_HZ = 8;
const EVENTS_MAX = 200;
/** Between two ticks that have to be asked for, while the handle is drawn. */
const MOVE_MS = 300;

const sides = {};
let at = 0;
let difference = null;
let playing = 0;
let isPlaying = false;
/** Where it is to go next, and whether it is on its way: one state is asked for at a time. */
let wanted = null;
let moving = null;
let events = [];

for (const side of SIDES) sides[side] = { plan: new Plan($(`${side}-canvas`)), recording: null, states: null, state: null };

const loaded = () => SIDES.map((side) => sides[side]).filter((side) => side.recording);
const first = () => Math.min(...loaded().map((side) => side.recording.first_tick));
const last = () => Math.max(...loaded().map((side) => side.recording.last_tick));

/** Puts a recording on a side. */
export async function put(side, recording) {
  Object.assign(sides[side], { recording, states: new States(recording), state: null });
  undiffer();
  say($(`${side}-name`), nameOf(recording));
  if (at < first() || at > last()) at = recording.first_tick;
  range();
  await go(at);
  await tellEvents();
}

/** What was found of two recordings says nothing of others. */
function undiffer() {
  difference = null;
  $("first-difference").hidden = true;
}

export async function drop(id) {
  if (!loaded().some((side) => side.recording.id === id)) return;
  pause();
  for (const side of SIDES) if (sides[side].recording?.id === id) clear(side);
  undiffer();
  range();
  paint();
  await tellEvents();
}

function clear(side) {
  Object.assign(sides[side], { recording: null, states: null, state: null });
  say($(`${side}-name`), "choose one above");
  say($(`${side}-digest`), "");
}

/** The timeline spans both recordings. */
function range() {
  const has = loaded().length > 0;
  for (const id of ["timeline", "play", "tick-back", "tick-on"]) $(id).disabled = !has;
  $("diff-run").disabled = loaded().length < 2;
  if (has) Object.assign($("timeline"), { min: String(first()), max: String(last()) });
  else say($("timeline-tick"), "–");
  mark();
}

/** Goes to a tick on both sides; what is older than the newest wish is not shown. */
async function go(tick) {
  if (!loaded().length) return;
  at = Math.min(last(), Math.max(first(), Math.round(tick)));
  wanted = at;
  $("timeline").value = String(at);
  $("timeline").setAttribute("aria-valuetext", `tick ${at}`);
  say($("timeline-tick"), `tick ${whole(at)}`);
  moving ??= move().finally(() => { moving = null; });
  await moving;
}

/** Goes where it is wanted, until nothing newer is. */
async function move() {
  try {
    while (wanted !== null) {
      const tick = wanted;
      const of = SIDES.map((side) => sides[side].states);
      const isAsked = of.some((states) => states?.has(tick) && !states.isKept(tick));
      const states = [];
      for (const one of of) states.push(one?.has(tick) ? await one.at(tick) : null);
      if (wanted === tick && SIDES.every((side, n) => sides[side].states === of[n])) {
        wanted = null;
        SIDES.forEach((side, n) => { sides[side].state = states[n]; });
        paint();
      } else if (isAsked) {
        await new Promise((done) => setTimeout(done, MOVE_MS));
      }
    }
  } catch (error) {
    wanted = null;
    complain(error);
    pause();
  }
}

/** The reach of what is shown: the same on both sides, so that they can be compared. */
function viewOf(model, centre) {
  const focus = (centre !== "all" && model.objects.get(Number(centre))) || model.objects.get(-1) || [...model.objects.values()][0];
  const reach = centre === "all" ? model.extent(focus) : Math.max(1000, focus.radius * 20);
  return { focus, reach };
}

function paint() {
  const centre = $("compare-focus").value || "all";
  const colours = { ink: colour("ink"), halo: colour("sky"), accent: colour("accent") };
  const models = SIDES.map((side) => (sides[side].state ? modelOf(sides[side].state) : null));
  offer(models.find(Boolean));
  const views = models.map((model) => model && viewOf(model, centre));
  const reach = Math.max(...views.map((view) => view?.reach ?? 0));
  SIDES.forEach((side, n) => {
    const { plan, state, recording } = sides[side];
    const canvas = $(`${side}-canvas`);
    if (!models[n]) {
      plan.context.clearRect(0, 0, canvas.width, canvas.height);
      say($(`${side}-digest`), recording ? "not at this tick" : "");
      return;
    }
    const scale = (2.2 * reach) / Math.max(1, Math.min(canvas.clientWidth, canvas.clientHeight));
    const items = plan.draw(models[n], views[n].focus, { scale, pan: [0, 0], trails: "off", line: colour("line") });
    over(plan.context, items, colours);
    say($(`${side}-digest`), state.digest);
    canvas.setAttribute("aria-label", `${side} recording at tick ${state.tick}: ${state.bodies.length} bodies and ${state.entities.length} entities, digest ${state.digest}`);
  });
  same();
}

/** Whether both sides are in the same state. */
function same() {
  const [left, right] = SIDES.map((side) => sides[side].state?.digest);
  $("timeline-same").hidden = !left || !right;
  if (left && right) tell($("timeline-same"), left === right ? "same state" : "different states", left === right ? "good" : "bad");
}

/** What may be in the middle: everything, or one thing of the first side. */
function offer(model) {
  const select = $("compare-focus");
  const things = model ? [...model.objects.values()] : [];
  const wanted = ["all", ...things.map((object) => String(object.id))];
  if (wanted.join() === [...select.options].map((option) => option.value).join()) return;
  const chosen = select.value;
  select.replaceChildren(make("option", { value: "all", text: "everything" }), ...things.slice(0, 300).map((object) => make("option", { value: String(object.id), text: object.name })));
  if (wanted.includes(chosen)) select.value = chosen;
}

async function diff() {
  const [left, right] = SIDES.map((side) => sides[side].recording);
  const { comparison: found } = await job(await api.post("/recordings/diff", { left: left.id, right: right.id }), "Comparing");
  const [leftNow, rightNow] = SIDES.map((side) => sides[side].recording?.id);
  if (leftNow !== left.id || rightNow !== right.id) return [`${nameOf(left)} against ${nameOf(right)}: ${found.identical ? "identical." : found.summary}`, ""];
  difference = found.tick ?? null;
  mark();
  $("first-difference").hidden = difference === null;
  if (difference !== null) {
    say($("first-difference"), `Go to the first difference: tick ${difference}`);
    $("first-difference").dataset.tick = String(difference);
    await go(difference);
  }
  if (found.identical) return [`Identical: ${whole(found.ticks_compared)} ticks compared.`, "good"];
  return [found.summary, "bad"];
}

/** Marks on the timeline: events, and the first difference. */
function mark() {
  const span = loaded().length ? last() - first() : 0;
  const place = (tick, name) => {
    const line = make("i", { class: name });
    line.style.left = `${(100 * (tick - first())) / span}%`;
    return line;
  };
  $("marks").replaceChildren(...(span ? [...events.map((event) => place(event.tick, "event")), ...(difference === null ? [] : [place(difference, "difference")])] : []));
}

async function tellEvents() {
  const side = loaded()[0];
  events = [];
  if (!side) {
    $("recording-events").replaceChildren();
    return mark();
  }
  try {
    const page = await api.get(`/recordings/${side.recording.id}/events?limit=${EVENTS_MAX}`);
    if (loaded()[0] !== side) return undefined;
    events = page.events.slice(0, EVENTS_MAX);
  } catch (error) {
    complain(error);
  }
  $("recording-events").replaceChildren(...events.map((event) => make("li", {},
    make("button", { type: "button", class: "quiet num", text: `tick ${event.tick}`, on: { click: () => go(event.tick) } }),
    make("span", { class: "grow", text: event.what ? `${event.kind.replace("_", " ")}: ${event.what}` : event.kind.replace("_", " ") }), make("span", { class: "dim small", text: event.player === null ? "service" : `player ${event.player}` }))));
  if (!events.length) $("recording-events").replaceChildren(make("li", {}, empty("Nobody came, left or changed anything.")));
  return mark();
}

async function step(rate) {
  const stride = Math.max(1, Math.round(rate / PLAY_HZ));
  if (at >= last()) return pause();
  const to = Math.min(last(), at + stride);
  for (const side of loaded()) {
    // Some in advance, so that it does not wait at each picture.
    if (side.states.has(to) && !side.states.isKept(to)) await side.states.read(to, Math.min(side.recording.last_tick, to + 20 * stride), stride).catch(complain);
  }
  return go(to);
}

async function play() {
  const rate = loaded()[0].recording.rate_hz;
  const mine = ++playing;
  say($("play"), "Stop");
  $("play").setAttribute("aria-pressed", "true");
  if (at >= last()) await go(first());
  while (mine === playing) {
    const began = performance.now();
    await step(rate);
    await new Promise((done) => setTimeout(done, Math.max(0, 1000 / (isCalm ? 2 : PLAY_HZ) - (performance.now() - began))));
  }
}

export function pause() {
  playing += 1;
  isPlaying = false;
  say($("play"), "Play");
  $("play").removeAttribute("aria-pressed");
}

export const wake = () => { if (loaded().length) paint(); };

export function begin() {
  $("timeline").addEventListener("input", () => {
    pause();
    go(Number($("timeline").value));
  });
  $("tick-back").addEventListener("click", () => go(at - 1));
  $("tick-on").addEventListener("click", () => go(at + 1));
  $("play").addEventListener("click", () => {
    if (isPlaying) return pause();
    isPlaying = true;
    return play();
  });
  $("diff-run").addEventListener("click", (event) => act(diff, event.currentTarget));
  $("first-difference").addEventListener("click", () => go(Number($("first-difference").dataset.tick)));
  $("compare-focus").addEventListener("change", paint);
  for (const side of SIDES) new ResizeObserver(wake).observe($(`${side}-canvas`));
  onTheme(wake);
  range();
}
