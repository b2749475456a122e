// Alerts about attacks and unusual behaviour: asked for now and then by those who may.

import * as api from "./api.js";
import { $, empty, isStill, make, say, table } from "./dom.js";
import { moment, whole } from "./format.js";
import { complain, note } from "./message.js";
import * as nav from "./nav.js";
import { may } from "./session.js";

const LOOK_MS = 15_000;
const KEPT_MAX = 500;

let timer = 0;
let alerts = [];
let seen = 0;

async function look() {
  clearTimeout(timer);
  try {
    for (let more = true; more;) {
      const page = (await api.get(`/admin/alerts?limit=1000&after=${alerts.at(-1)?.seq ?? 0}`)).alerts;
      alerts = [...alerts, ...page].slice(-KEPT_MAX);
      more = page.length === 1000;
    }
    show();
  } catch (error) {
    if (nav.isShown("alerts")) complain(error);
  }
  timer = setTimeout(look, LOOK_MS);
}

function show() {
  if (nav.isShown("alerts")) seen = alerts.at(-1)?.seq ?? 0;
  const news = alerts.filter((alert) => alert.seq > seen);
  nav.count("alerts", news.length);
  if (news.length && !nav.isShown("alerts") && !isStill) note(`Alert: ${title(news.at(-1))}`);
  say($("alerts-note"), alerts.length ? `${whole(alerts.length)} since the start` : "");
  const rows = [...alerts].reverse().map((alert) => [
    make("span", { class: "num", text: moment(alert.at) }), title(alert), make("span", { class: "mono", text: alert.address }),
    alert.person ?? "–", whole(alert.count), alert.banned_until ? moment(alert.banned_until) : "–",
    make("span", { class: "mono small", text: alert.correlation }),
  ]);
  $("alerts-body").replaceChildren(rows.length
    ? table(["When", "What", "Address", "Person", ">Count", "Banned until", "Request"], rows)
    : empty("No alerts since the service began."));
}

const title = (alert) => alert.rule.replaceAll("_", " ");

export function start() {
  [alerts, seen] = [[], 0];
  if (may("admin")) look();
  else $("alerts-body").replaceChildren(empty("Alerts are for administrators."));
}

export const stop = () => clearTimeout(timer);
export const begin = () => nav.view("alerts", { show });
