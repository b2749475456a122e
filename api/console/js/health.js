// How the parts of the service are, and which build it is.

import * as api from "./api.js";
import { $, isStill, make, pairs, say, table, tell } from "./dom.js";
import { duration, factor, micros, moment, whole } from "./format.js";
import { complain } from "./message.js";
import * as nav from "./nav.js";

/** Between two looks: for the bar, and while the view is open. */
const [SLOW_MS, FAST_MS] = [30_000, 5000];
const TONES = { well: "good", degraded: "warn", ill: "bad" };

let timer = 0;
/** The status as it was asked for last. */
export let status = null;

async function look() {
  clearTimeout(timer);
  try {
    const health = JSON.parse(await (await api.raw("GET", "/health")).text());
    tell($("health-pill"), health.condition, TONES[health.condition]);
    tell($("health-overall"), health.condition, TONES[health.condition]);
    if (nav.isShown("health")) {
      show(health);
      await facts();
    }
  } catch (error) {
    tell($("health-pill"), "unknown", "bad");
    if (nav.isShown("health")) complain(error);
  }
  timer = setTimeout(look, nav.isShown("health") && !isStill ? FAST_MS : SLOW_MS);
}

function show({ parts }) {
  const why = (part) => [part.reason, part.why].filter(Boolean).join(": ") || "–";
  const at = (part) => make("span", { class: "live", text: moment(part.checked_at) });
  $("health-body").replaceChildren(table(["Part", "Condition", "Why", ">Looked at"], parts.map((part) => [
    part.name, make("span", { class: "pill", "data-tone": TONES[part.condition], text: part.condition }), why(part), at(part),
  ])));
}

/** Asks for the status: what does not come with each sample. */
export async function ask() {
  status = await api.get("/status");
  say($("world-name"), status.world.world);
  return status;
}

async function facts() {
  const { world, ...service } = await ask();
  const live = (text) => make("span", { class: "live", text });
  pairs($("service-facts"), [
    ["Version", service.version],
    ["Build", make("span", { class: "mono live", text: service.build.slice(0, 16) || "–" })],
    ["Began", live(`${moment(service.began)}, ${duration(service.uptime_s)} ago`)],
    ["World", world.world],
    ["Tick", live(`${whole(world.tick)}, durable to ${whole(world.durable_tick)}`)],
    ["Rate", `${world.rate_hz} ticks a second, turns of ${world.turn_ticks} ticks, time ${factor(world.time_factor_quarters)}`],
    ["Turns", live(`${whole(world.turns)}, late ${whole(world.late_turns)}, longest stand-still ${micros(world.longest_stall_us)}`)],
    ["Cost of a turn", live(micros(world.turn_cost_us))],
    ["Input delay", `${world.input_delay_turns} turns`],
    ["Roll-backs", live(whole(world.roll_backs))],
    ["Entities", whole(world.entities)],
    ["Players", whole(world.players)],
  ]);
}

export const start = () => {
  ask().catch(complain);
  look();
};
export const stop = () => clearTimeout(timer);
export const begin = () => nav.view("health", { show: look });
