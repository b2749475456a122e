// The audit log, and whether its chain is sound.

import * as api from "./api.js";
import { $, empty, make, table, tell } from "./dom.js";
import { moment, whole } from "./format.js";
import { complain, sentence } from "./message.js";
import * as nav from "./nav.js";

const PAGE = 100;

let entries = [];
/** Place behind which the next page comes; null where there is none, undefined before the first. */
let next;

async function more() {
  $("audit-more").disabled = true;
  try {
    const after = next === undefined ? "" : `&after=${next}`;
    const page = await api.get(`/admin/audit?order=newest&limit=${PAGE}${after}`);
    entries.push(...page.entries);
    next = page.next ?? null;
    show();
  } catch (error) {
    complain(error);
  } finally {
    $("audit-more").disabled = false;
  }
}

function show() {
  const rows = entries.map((entry) => [
    whole(entry.seq), make("span", { class: "num live", text: moment(entry.at) }), entry.actor ?? "–", entry.action, entry.subject,
    make("span", { class: "pill", "data-tone": entry.outcome === "done" ? "good" : "warn", text: entry.outcome }),
    make("span", { class: "mono small", text: entry.details ?? "–" }), make("span", { class: "mono small live", title: entry.hash, text: `${entry.hash.slice(0, 12)}…` }),
  ]);
  $("audit-body").replaceChildren(rows.length
    ? table([">No.", "When", "Who", "What", "To what", "Outcome", "Details", "Hash"], rows)
    : empty("The log is empty."));
  $("audit-more").hidden = next === null;
}

async function verify() {
  const place = $("audit-result");
  $("audit-verify").disabled = true;
  tell(place, "Looking at the whole chain …");
  try {
    const found = await api.get("/admin/audit/verification");
    if (found.sound) tell(place, `The chain is sound: ${whole(found.entries)} entries.`, "good");
    else tell(place, `The chain is broken at ${found.broken_at ?? "its end"}: ${found.why ?? ""}`, "bad");
  } catch (error) {
    tell(place, sentence(error), "bad");
  } finally {
    $("audit-verify").disabled = false;
  }
}

export function begin() {
  nav.view("audit", {
    show() {
      [entries, next] = [[], undefined];
      more();
    },
  });
  $("audit-more").addEventListener("click", more);
  $("audit-verify").addEventListener("click", verify);
}
