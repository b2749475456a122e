// Who is in the session, and how their links are.

import * as api from "./api.js";
import { $, empty, isStill, make, say, table } from "./dom.js";
import { micros, short } from "./format.js";
import { complain } from "./message.js";
import * as nav from "./nav.js";

const LOOK_MS = 5000;

let timer = 0;

async function look() {
  try {
    const told = await api.get("/peers");
    show(told);
  } catch (error) {
    complain(error);
  }
}

function show({ peers, input_delay_turns: delay, turn_ticks: ticks }) {
  say($("peers-note"), `input delay ${delay} turns of ${ticks} ticks`);
  if (!peers.length) {
    $("peers-body").replaceChildren(empty("Nobody is in the session but the service itself."));
    return;
  }
  const state = (peer) => {
    if (peer.player === undefined) return ["watching or joining", "wait"];
    return peer.link ? ["member", "good"] : ["member, by way of others", "warn"];
  };
  const row = (peer) => {
    const [text, tone] = state(peer);
    const key = peer.key ? make("span", { class: "mono", title: peer.key, text: `${peer.key.slice(0, 16)}…` }) : "–";
    const link = peer.link;
    return [
      peer.player === undefined ? "–" : String(peer.player), peer.ship === undefined ? "–" : String(peer.ship),
      make("span", { class: "pill", "data-tone": tone, text }), link ? micros(link.round_trip_us) : "–",
      link ? `${short(link.loss * 100)} %` : "–", link ? `× ${link.redundancy}` : "–", link?.relays ? "yes" : link ? "no" : "–", key,
    ];
  };
  $("peers-body").replaceChildren(table(["Seat", "Ship", "State", ">Round trip", ">Loss", ">Each entry sent", "Needs passing on", "Identity"], peers.map(row)));
}

export const begin = () => nav.view("peers", {
  show() {
    look();
    clearInterval(timer);
    if (!isStill) timer = setInterval(look, LOOK_MS);
  },
  hide: () => clearInterval(timer),
});
