// Starts the console: signs in, builds the views for the role, shows what the samples say in the bar, signs out.

import * as account from "./account.js";
import * as alerts from "./alerts.js";
import * as audit from "./audit.js";
import * as charts from "./charts.js";
import * as compare from "./compare.js";
import * as debug from "./debug.js";
import { $, isStill, say, tell } from "./dom.js";
import { factor, whole } from "./format.js";
import * as health from "./health.js";
import * as live from "./live.js";
import { clear, complain, keep } from "./message.js";
import * as nav from "./nav.js";
import * as patch from "./patch.js";
import * as peers from "./peers.js";
import * as recordings from "./recordings.js";
import * as session from "./session.js";
import * as watches from "./watches.js";
import * as world from "./world.js";

function sampled(sample) {
  say($("tick"), isStill ? String(sample.tick) : whole(sample.tick));
  $("tick").dataset.tick = String(sample.tick);
  say($("digest"), sample.digest);
  say($("rate"), factor(sample.time_factor_quarters));
  say($("players"), String(sample.players));
  tell($("run-pill"), sample.held ? "held" : "running", sample.held ? "warn" : "good");
  charts.take(sample, health.status?.world);
}

function linked(isOpen) {
  tell($("link-pill"), isOpen ? "live" : "connecting", isOpen ? "good" : "wait");
}

/** Somebody is signed in. */
function enter() {
  const me = session.current();
  $("sign-in").hidden = true;
  $("bar").hidden = false;
  say($("who"), `${me.name} · ${session.effective()}`);
  clear();
  charts.clear();
  live.start();
  health.start();
  alerts.start();
  nav.build();
  charts.build();
  $("main").focus({ preventScroll: true });
}

/** Why nobody is signed in any more, by what is behind the `#` of the page's address. */
const WHY = {
  "#out": "You are signed out.",
  "#idle": "You were signed out after 15 minutes without use.",
  "#ended": "Your sign-in has ended. Sign in again.",
};

/** Nobody is signed in any more: what was shown goes at once, and then the page begins anew with nothing of it. */
async function leave(why, told) {
  for (const element of document.querySelectorAll("body > *")) element.hidden = true;
  // A browser may fill in again what was typed before a reload.
  for (const field of document.querySelectorAll("input, textarea")) field.value = field.defaultValue;
  for (const part of [debug, live, health, alerts]) part.stop();
  await told;
  history.replaceState(null, "", `${location.pathname}${location.search}#${why}`);
  location.reload();
}

$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("sign-in-submit").disabled = true;
  try {
    await session.signIn($("name").value, $("password").value);
    $("password").value = "";
    enter();
  } catch (error) {
    $("password").select();
    complain(error.status === 401 ? new Error("That name and password do not go together.") : error);
  } finally {
    $("sign-in-submit").disabled = false;
  }
});

$("sign-out").addEventListener("click", () => session.signOut());

document.documentElement.classList.toggle("still", isStill);
session.onOver(leave);
account.onChange(() => {
  say($("who"), `${session.current().name} · ${session.effective()}`);
  live.start();
  alerts.start();
  nav.build();
  nav.go("account");
});
live.on("sample", sampled);
live.on("link", linked);
for (const part of [world, debug, patch, watches, recordings, compare, peers, health, alerts, audit, account]) part.begin();
$("sign-in").hidden = false;
$("name").focus();
if (Object.hasOwn(WHY, location.hash)) {
  keep(WHY[location.hash]);
  history.replaceState(null, "", location.pathname + location.search);
}
