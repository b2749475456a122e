// Alerts about attacks and unusual behaviour, as they are raised: those that are kept first, then each new one.

import { $, empty, isStill, make, say, table } from "./dom.js";
import { moment, whole } from "./format.js";
import { note } from "./message.js";
import * as nav from "./nav.js";
import { may } from "./session.js";
import { Socket } from "./socket.js";

const KEPT_MAX = 500;

let socket = null;
let alerts = [];
let missed = 0;
let seen = 0;
let frame = 0;
/** What was kept before this page was open is no news. */
let isOld = true;

function heard(message) {
  if (message.type === "subscribed") {
    // Who is asked for more than it has ever told begins at 1: the service is another one than before.
    if (message.after < (alerts.at(-1)?.seq ?? 0)) [alerts, missed, seen] = [[], 0, 0];
  } else if (message.type === "alert") {
    alerts = [...alerts, message.alert].slice(-KEPT_MAX);
    if (!isOld && !isStill && !nav.isShown("alerts")) note(`Alert: ${title(message.alert)}`);
  } else if (message.type === "missed") {
    missed += message.count;
  }
  // Many may come at once.
  frame ||= requestAnimationFrame(show);
}

function show() {
  frame = 0;
  if (nav.isShown("alerts")) seen = alerts.at(-1)?.seq ?? 0;
  nav.count("alerts", alerts.filter((alert) => alert.seq > seen).length);
  if (!nav.isShown("alerts")) return;
  const lost = missed ? `, ${whole(missed)} more are not kept` : "";
  say($("alerts-note"), alerts.length || missed ? `${whole(alerts.length)} since the start${lost}` : "");
  const rows = [...alerts].reverse().map((alert) => [
    make("span", { class: "num live", text: moment(alert.at) }), title(alert), make("span", { class: "mono", text: alert.address }),
    alert.person ?? "–", whole(alert.count), alert.banned_until ? moment(alert.banned_until) : "–",
    make("span", { class: "mono small live", text: alert.correlation }),
  ]);
  $("alerts-body").replaceChildren(rows.length
    ? table(["When", "What", "Address", "Person", ">Count", "Banned until", "Request"], rows)
    : empty("No alerts since the service began."));
}

const title = (alert) => alert.rule.replaceAll("_", " ");

export function start() {
  stop();
  [alerts, missed, seen, isOld] = [[], 0, 0, true];
  if (!may("operator")) return;
  socket = new Socket("/ws/alerts", {
    heard,
    changed(isOpen) {
      if (!isOpen) return;
      // It tells of what is kept first, and nothing says where that ends.
      setTimeout(() => { isOld = false; }, 2000);
      socket.send({ type: "subscribe", after: alerts.at(-1)?.seq ?? 0 });
    },
  });
}

export function stop() {
  socket?.close();
  socket = null;
}

export const begin = () => nav.view("alerts", { show });
