// Recordings: capture, upload, download, verify, delete; and which two lie side by side.

import * as api from "./api.js";
import * as compare from "./compare.js";
import { $, button, empty, make, say, tell } from "./dom.js";
import { bytes, moment, whole } from "./format.js";
import { complain, sentence } from "./message.js";
import * as nav from "./nav.js";

const PAGE = 50;
/** Between two looks at a job: at first, and at most. */
const [JOB_MS, JOB_MAX_MS] = [500, 5000];
/** Between two looks at a capture that runs. */
const LIVE_MS = 3000;

let recordings = [];
let next = null;
let capturing = null;
let timer = 0;
/** The rows that are shown, by the recording's id: each stays the same element, so that nothing loses the focus. */
const rows = new Map();

async function look(after = null) {
  clearTimeout(timer);
  try {
    const page = await api.get(`/recordings?limit=${PAGE}${after ? `&after=${after}` : ""}`);
    recordings = after ? [...recordings, ...page.recordings] : page.recordings;
    [next, capturing] = [page.next ?? null, page.capturing ?? null];
    show();
  } catch (error) {
    complain(error);
  }
  follow();
}

/** Looks again at the capture that runs, and at that alone. */
function follow() {
  clearTimeout(timer);
  if (capturing && nav.isShown("recordings")) timer = setTimeout(lookAtLive, LIVE_MS);
}

async function lookAtLive() {
  try {
    const one = await api.patiently(`/recordings/${capturing}`);
    recordings = recordings.map((other) => (other.id === one.id ? one : other));
    if (one.state !== "live") capturing = null;
    show();
  } catch (error) {
    // It may be deleted by now.
    if (error.status === 404) return look();
    complain(error);
  }
  return follow();
}

function show() {
  $("capture-start").disabled = capturing !== null;
  $("capture-stop").disabled = capturing === null;
  $("capture-state").hidden = capturing === null;
  if (capturing) tell($("capture-state"), "capturing", "bad");
  $("recordings-more").hidden = next === null;
  const list = $("recordings-list");
  const ids = new Set(recordings.map((recording) => recording.id));
  for (const id of rows.keys()) if (!ids.has(id)) rows.delete(id);
  const elements = recordings.map((recording) => {
    if (!rows.has(recording.id)) rows.set(recording.id, row(recording));
    const { element, fill } = rows.get(recording.id);
    fill(recording);
    return element;
  });
  const isSame = elements.length === list.children.length && elements.every((element, n) => element === list.children[n]);
  if (!isSame) list.replaceChildren(...elements);
  if (!recordings.length) list.replaceChildren(make("div", { role: "listitem" }, empty("No recordings yet. A capture records the running world from this tick on.")));
}

const TONES = { live: "bad", complete: "good", incomplete: "warn" };
export const nameOf = (recording) => recording.name || `Recording ${recording.id.slice(0, 8)}`;

/** A row, and what fills it anew. */
function row({ id }) {
  const now = () => recordings.find((recording) => recording.id === id);
  const [title, when, state, size, ticks, digest] = ["div", "div", "span", "div", "div", "div"].map((tag) => make(tag));
  const acts = { Left: () => compare.put("left", now()), Right: () => compare.put("right", now()) };
  for (const [name, what] of [["Verify", verify], ["Download", download], ["Delete", remove]]) acts[name] = (event) => act(() => what(now()), event.currentTarget);
  const buttons = Object.entries(acts).map(([name, does]) => button(name, does, { class: name === "Delete" ? "delete danger" : name.toLowerCase() }));
  [title.className, when.className, state.className, size.className, digest.className] = ["title", "dim small live", "pill", "dim small live", "dim small mono"];
  const fill = (recording) => {
    const name = nameOf(recording);
    say(title, name);
    say(when, moment(recording.created));
    tell(state, recording.state, TONES[recording.state]);
    state.title = recording.why ?? "";
    say(size, `${bytes(recording.bytes)} · ${recording.kind}`);
    say(ticks, `${whole(recording.first_tick)} – ${whole(recording.last_tick)}`);
    say(digest, recording.digest ?? "");
    for (const one of buttons) {
      one.setAttribute("aria-label", `${one.textContent} ${name}`);
      // One that is at work stays as it is.
      if (!one.dataset.busy) one.disabled = recording.state === "live" && one.textContent !== "Download";
    }
  };
  const element = make("div", { class: "recording", role: "listitem", "data-recording": id },
    make("div", {}, title, when), make("div", { class: "num" }, state, size),
    make("div", { class: "num live" }, ticks, digest), make("div", { class: "row" }, ...buttons));
  return { element, fill };
}

/** Does something, and says in words how it ended. */
export async function act(what, element) {
  const place = $("recording-result");
  if (element) [element.disabled, element.dataset.busy] = [true, "true"];
  try {
    const [text, tone] = (await what()) ?? ["", ""];
    tell(place, text, tone);
  } catch (error) {
    tell(place, sentence(error), "bad");
  } finally {
    if (element) {
      element.disabled = false;
      delete element.dataset.busy;
    }
  }
}

/** Waits for a job, and says how far it is. */
export async function job({ job: id }, doing) {
  for (let pause = JOB_MS; ; pause = Math.min(JOB_MAX_MS, 1.5 * pause)) {
    const now = await api.patiently(`/recordings/jobs/${id}`);
    if (now.state === "done") return now;
    if (now.state === "failed") throw new Error(now.why ?? "It failed.");
    const share = now.ticks_total ? `${Math.floor((100 * now.ticks_done) / now.ticks_total)} %` : "waiting";
    tell($("recording-result"), `${doing}: ${share}`);
    await new Promise((done) => setTimeout(done, pause));
  }
}

async function verify(recording) {
  const { verification: found } = await job(await api.post(`/recordings/${recording.id}/verify`), "Verifying");
  const name = nameOf(recording);
  const notes = [found.lost, ...found.unverified.map((part) => `Ticks ${part.from_tick} to ${part.to_tick} are not verified: ${part.reason}`)].filter(Boolean);
  if (found.verdict === "exact") {
    return [[`${name}: exact. ${whole(found.ticks)} ticks were simulated again, bit for bit.`, ...notes].join("\n"), notes.length ? "" : "good"];
  }
  const first = found.first_divergence;
  const where = first ? ` It differs first at tick ${first.tick}: recorded ${first.recorded}, computed ${first.computed}.${field(first.difference)}` : "";
  return [[`${name}: diverged.${where}`, ...notes].join("\n"), "bad"];
}

/** A field that differs, as a sentence. */
function field(difference) {
  if (!difference) return "";
  const of = difference.entity === null || difference.entity === undefined ? "" : ` of entity ${difference.entity}`;
  return ` ${difference.component}.${difference.field}${of}: ${difference.left} against ${difference.right}.`;
}

async function download(recording) {
  const blob = await (await api.raw("GET", `/recordings/${recording.id}/file`)).blob();
  const link = make("a", { href: URL.createObjectURL(blob), download: `${recording.id}.strec` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  return [`${nameOf(recording)}: ${bytes(blob.size)} are downloaded.`, "good"];
}

async function remove(recording) {
  if (!confirm(`Delete ${nameOf(recording)}? It cannot be brought back.`)) return ["", ""];
  await api.remove(`/recordings/${recording.id}`);
  compare.drop(recording.id);
  await look();
  return [`${nameOf(recording)} is deleted.`, ""];
}

async function start() {
  const name = $("capture-name").value.trim();
  await api.post("/capture/start", name ? { name } : {});
  $("capture-form").reset();
  await look();
  return ["The capture runs.", ""];
}

async function stop() {
  const done = await api.post("/capture/stop");
  await look();
  const span = `${whole(done.last_tick - done.first_tick)} ticks, ${bytes(done.bytes)}`;
  return done.state === "complete" ? [`${nameOf(done)} is complete: ${span}.`, "good"] : [`${nameOf(done)} is incomplete: ${done.why ?? span}`, "bad"];
}

async function upload(file) {
  tell($("recording-result"), `Uploading ${file.name} …`);
  const name = encodeURIComponent(file.name.replace(/\.strec$/, "").slice(0, 100));
  const reply = await api.raw("POST", `/recordings?name=${name}`, { body: file, headers: { "content-type": "application/octet-stream" } });
  const taken = await reply.json();
  await look();
  return [`${nameOf(taken)} is here: ${taken.state}.${taken.why ? ` ${taken.why}` : ""}`, taken.state === "complete" ? "good" : ""];
}

export function begin() {
  nav.view("recordings", { show: () => { look(); compare.wake(); }, hide: () => { clearTimeout(timer); compare.pause(); } });
  $("capture-form").addEventListener("submit", (event) => {
    event.preventDefault();
    act(start, null);
  });
  $("capture-stop").addEventListener("click", () => act(stop, null));
  $("recordings-more").addEventListener("click", () => look(next));
  $("upload-file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (file) act(() => upload(file), null);
  });
}
