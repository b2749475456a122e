// Recordings: capture, upload, download, verify, delete; and which two lie side by side.

import * as api from "./api.js";
import * as compare from "./compare.js";
import { $, button, empty, make, tell } from "./dom.js";
import { bytes, moment, whole } from "./format.js";
import { complain, sentence } from "./message.js";
import * as nav from "./nav.js";

const PAGE = 50;
/** Between two looks at a job. */
const JOB_MS = 300;
/** Between two looks at a capture that runs. */
const LIVE_MS = 3000;

let recordings = [];
let next = null;
let capturing = null;
let timer = 0;

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
  if (capturing && nav.isShown("recordings")) timer = setTimeout(look, LIVE_MS);
}

function show() {
  $("capture-start").disabled = capturing !== null;
  $("capture-stop").disabled = capturing === null;
  $("capture-state").hidden = capturing === null;
  if (capturing) tell($("capture-state"), "capturing", "bad");
  $("recordings-more").hidden = next === null;
  $("recordings-list").replaceChildren(...recordings.map(row));
  if (!recordings.length) $("recordings-list").replaceChildren(make("div", { role: "listitem" }, empty("No recordings yet. A capture records the running world from this tick on.")));
}

const TONES = { live: "bad", complete: "good", incomplete: "warn" };
export const nameOf = (recording) => recording.name || `Recording ${recording.id.slice(0, 8)}`;

function row(recording) {
  const name = nameOf(recording);
  const isLive = recording.state === "live";
  const named = (what) => ({ class: what.toLowerCase(), "aria-label": `${what} ${name}`, disabled: isLive });
  const on = (what) => (event) => act(what, event.currentTarget);
  return make("div", { class: "recording", role: "listitem", "data-recording": recording.id },
    make("div", {}, make("div", { class: "title", text: name }), make("div", { class: "dim small live", text: moment(recording.created) })),
    make("div", { class: "num" }, make("span", { class: "pill", "data-tone": TONES[recording.state], text: recording.state, title: recording.why ?? null }),
      make("div", { class: "dim small live", text: `${bytes(recording.bytes)} · ${recording.kind}` })),
    make("div", { class: "num live" }, make("div", { text: `${whole(recording.first_tick)} – ${whole(recording.last_tick)}` }),
      make("div", { class: "dim small mono", text: recording.digest ?? "" })),
    make("div", { class: "row" },
      button("Left", () => compare.put("left", recording), named("Left")),
      button("Right", () => compare.put("right", recording), named("Right")),
      button("Verify", on(() => verify(recording)), named("Verify")),
      button("Download", on(() => download(recording)), { ...named("Download"), disabled: false }),
      button("Delete", on(() => remove(recording)), { ...named("Delete"), class: "delete danger" })));
}

/** Does something, and says in words how it ended. */
export async function act(what, element) {
  const place = $("recording-result");
  if (element) element.disabled = true;
  try {
    const [text, tone] = (await what()) ?? ["", ""];
    tell(place, text, tone);
  } catch (error) {
    tell(place, sentence(error), "bad");
  } finally {
    if (element) element.disabled = false;
  }
}

/** Waits for a job, and says how far it is. */
export async function job({ job: id }, doing) {
  for (;;) {
    const now = await api.get(`/recordings/jobs/${id}`);
    if (now.state === "done") return now;
    if (now.state === "failed") throw new Error(now.why ?? "It failed.");
    const share = now.ticks_total ? `${Math.floor((100 * now.ticks_done) / now.ticks_total)} %` : "waiting";
    tell($("recording-result"), `${doing}: ${share}`);
    await new Promise((done) => setTimeout(done, JOB_MS));
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

export function forget() {
  clearTimeout(timer);
  [recordings, next, capturing] = [[], null, null];
  tell($("recording-result"), "");
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
