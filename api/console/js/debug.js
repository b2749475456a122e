// Live debugging: one session over a WebSocket; pause, run, step, breakpoints, the rate of time and tuning.

import * as api from "./api.js";
import { $, button, empty, make, say, tell } from "./dom.js";
import { whole } from "./format.js";
import * as inspector from "./inspector.js";
import * as live from "./live.js";
import { note, sentence, trying } from "./message.js";
import { CLOSED_ROLE, CLOSED_TOKEN, Socket } from "./socket.js";

/** Ticks of one step at most. */
const STEP_MAX = 300;
/** A session that nothing is asked of ends by itself: while this page is open, something is. */
const ALIVE_MS = 60_000;

let socket = null;
let session = null;
let control = null;
let tick = 0;
const described = new Map();
const listeners = new Set();

/** Told when a session opens or ends. */
export const onSession = (call) => listeners.add(call);
export const isConnected = () => session !== null;

/** Asks something of the session; one that is not there any more is forgotten. */
export async function ask(type, fields = {}) {
  if (!session) throw new Error("Open a debug session first.");
  const mine = session;
  try {
    return await socket.ask({ type, session, ...fields });
  } catch (error) {
    // It is the session that is not there, and not what is asked about.
    if (error.status === 404 && session === mine && !(await socket.ask({ type: "state", session }).catch(() => null)) && session === mine) {
      forget();
      throw new Error("The debug session has ended: nothing was asked of it for too long.");
    }
    throw error;
  }
}

/** The whole number in a field: the connection ends with the first message that its description does not allow. */
export function figure(id, what, min, max = Number.MAX_SAFE_INTEGER) {
  const text = $(id).value.trim();
  const number = Number(text);
  if (text === "" || !Number.isSafeInteger(number) || number < min || number > max) {
    $(id).focus();
    throw new Error(`${what} is a whole number from ${whole(min)} to ${whole(max)}.`);
  }
  return number;
}

/** What is written in a field, which must not be empty. */
export function word(id, what) {
  const text = $(id).value.trim();
  if (text !== "") return text;
  $(id).focus();
  throw new Error(`${what} is missing.`);
}

function connect() {
  socket?.close();
  socket = new Socket("/ws/debug", {
    comesBack: false,
    heard(message) {
      if (message.type !== "control") return;
      [control, tick] = [message.control, message.tick];
      show();
      list();
    },
    changed(isOpen, code) {
      if (isOpen) open();
      else lost(code);
    },
  });
}

const open = () => trying(async () => {
  const opened = await socket.ask({ type: "open" });
  [session, tick] = [opened.session, opened.tick];
  control ??= { held: opened.held, held_at_tick: opened.held ? opened.tick : null, breakpoints: [] };
  inspector.readBy((id) => ask("inspect", { entity: id }));
  changed();
});

function lost(code) {
  const was = session !== null;
  forget();
  if (code === CLOSED_ROLE) note("Your role does not allow live debugging.");
  else if (!was) note("The debug session could not be opened. Try again.");
  else if (code === CLOSED_TOKEN) note("The debug session has ended with your token. Open another one.");
  else note("The debug session has ended with its connection.");
}

/** Ends the session, and the socket with it. */
export const stop = () => socket?.close();

/** Forgets a session that has ended. */
function forget() {
  socket?.close();
  [socket, session, control] = [null, null, null];
  described.clear();
  inspector.readBy(null);
  changed();
}

function changed() {
  $("debug-connect").hidden = session !== null;
  $("debug-close").hidden = session === null;
  for (const form of ["run-to-form", "breakpoint-form", "watch-form"]) $(form).querySelector("button").disabled = session === null;
  show();
  list();
  listeners.forEach((call) => call(session !== null));
}

function show() {
  const isHeld = control?.held === true;
  for (const id of ["debug-pause", "debug-run", "debug-step"]) $(id).disabled = session === null;
  if (!session) tell($("debug-state"), "not connected");
  else if (isHeld) tell($("debug-state"), `held at tick ${control.held_at_tick ?? tick}`, "warn");
  else tell($("debug-state"), "running", "good");
  if (session && isHeld && control.by_breakpoint) $("debug-state").title = `by breakpoint ${control.by_breakpoint}`;
  else $("debug-state").removeAttribute("title");
}

function list() {
  const ids = session ? control?.breakpoints ?? [] : [];
  const rows = ids.map((id) => make("li", { "data-breakpoint": String(id) },
    make("span", { class: "num dim", text: `#${id}` }),
    make("span", { class: "grow", text: described.get(id) ?? "set by another session" }),
    control.by_breakpoint === id ? make("span", { class: "pill", "data-tone": "warn", text: "holds" }) : null,
    described.has(id) ? button("Clear", (event) => trying(() => ask("clear", { breakpoint: id }), event.currentTarget), { class: "quiet", "aria-label": `Clear breakpoint ${id}` }) : null));
  $("breakpoints").replaceChildren(...rows);
  if (!rows.length) $("breakpoints").replaceChildren(make("li", { class: "dim", text: "None." }));
}

/** What a button does, and then what became of it. */
const does = (id, what) => $(id).addEventListener("click", (event) => trying(what, event.currentTarget).then(show));
const submits = (id, what) => $(id).addEventListener("submit", (event) => {
  event.preventDefault();
  trying(what, event.submitter);
});

async function setBreakpoint() {
  const [at, condition] = [$("breakpoint-tick").value, $("breakpoint-condition").value.trim()];
  if ((at === "") === (condition === "")) throw new Error("A breakpoint has a tick or a condition, and not both.");
  const set = await ask("break", condition ? { condition } : { tick: figure("breakpoint-tick", "A tick", 0) });
  described.set(set.breakpoint, condition || `tick ${whole(at)}`);
  $("breakpoint-form").reset();
  list();
}

export const applied = (answer) => (answer.queued
  ? `Waits for tick ${answer.tick}: the world is held.`
  : `Applied at tick ${answer.tick}.`);

async function reload() {
  const place = $("tuning-result");
  tell(place, "");
  try {
    tell(place, applied(await api.post("/execute/reload", { file: $("tuning-text").value })), "good");
  } catch (error) {
    tell(place, sentence(error), "bad");
  }
}

export function begin() {
  setInterval(() => session && ask("state").catch(() => {}), ALIVE_MS);
  does("debug-connect", connect);
  does("debug-close", async () => {
    try {
      await ask("close");
    } finally {
      forget();
    }
  });
  does("debug-pause", () => ask("pause"));
  does("debug-run", () => ask("run"));
  does("debug-step", () => ask("step", { ticks: figure("debug-step-count", "What is stepped", 1, STEP_MAX) }));
  submits("run-to-form", () => ask("run", { to_tick: figure("run-to-tick", "A tick", 0) }));
  submits("breakpoint-form", setBreakpoint);
  submits("dilation-form", async () => {
    note(applied(await api.post("/time/set_dilation", { factor: Number($("dilation-factor").value) })));
  });
  submits("tuning-form", reload);
  // What is asked for may be told before the state is: the samples have both.
  live.on("sample", (sample) => {
    if (!session || !control || control.held !== sample.held) return;
    if (sample.held && sample.tick > (control.held_at_tick ?? 0)) control.held_at_tick = sample.tick;
    tick = sample.tick;
    show();
  });
  changed();
}
