// The last minute of ticks, their cost and their digests.

import uPlot from "../vendor/uPlot.esm.js";
import { $, colour, isStill, onTheme, say } from "./dom.js";
import { micros, short } from "./format.js";

const POINTS = 600;
/** Samples over which a rate is taken: a second. */
const WINDOW = 10;
const HEIGHT = 104;

const at = [];
const series = { rate: [], cost: [], digest: [] };
const past = [];
let charts = [];
let drawn = 0;

export function take(sample, status) {
  const now = { at: Date.parse(sample.at) / 1000, tick: sample.tick, late: sample.late_turns };
  past.push(now);
  if (past.length > WINDOW + 1) past.shift();
  const [first] = past;
  const seconds = now.at - first.at;
  const rate = seconds > 0 ? (now.tick - first.tick) / seconds : null;
  push(now.at, rate, sample.turn_cost_us / 1000, parseInt(sample.digest.slice(0, 4), 16) / 65535);
  if (isStill || performance.now() - drawn < 250 || $("view-world").hidden) return;
  drawn = performance.now();
  say($("chart-rate-now"), rate === null ? "" : short(rate));
  const budget = status?.turn_ticks ? ` of ${micros((1e6 * status.turn_ticks) / status.rate_hz)}` : "";
  const late = sample.late_turns ? ` · ${sample.late_turns} turns late` : "";
  say($("chart-cost-now"), `${micros(sample.turn_cost_us)}${budget}${late}`);
  say($("chart-digest-now"), sample.digest.slice(0, 4));
  draw();
}

function push(time, rate, cost, digest) {
  at.push(time);
  series.rate.push(rate);
  series.cost.push(cost);
  series.digest.push(digest);
  if (at.length > POINTS) [at, ...Object.values(series)].forEach((list) => list.shift());
}

export function clear() {
  [at, past, ...Object.values(series)].forEach((list) => (list.length = 0));
}

function draw() {
  const last = at.at(-1);
  const x = at.map((time) => time - last);
  charts.forEach(({ name, chart }) => chart.setData([x, series[name]]));
}

export function build() {
  for (const { chart, observer } of charts) {
    observer.disconnect();
    chart.destroy();
  }
  charts = [
    make("rate", "ticks/s", { stroke: "accent", range: (_, low, high) => [0, Math.max(10, (high ?? 0) * 1.1)] }),
    make("cost", "ms", { stroke: "warn", range: (_, low, high) => [0, Math.max(0.1, (high ?? 0) * 1.2)] }),
    make("digest", "", { stroke: "accent", range: () => [-0.05, 1.05], isDots: true }),
  ];
  if (at.length && !isStill) draw();
}

function make(name, unit, { stroke, range, isDots }) {
  const host = $(`chart-${name}`);
  const axis = { stroke: colour("dim"), font: "11px system-ui, DejaVu Sans", grid: { stroke: colour("line"), width: 1 }, ticks: { show: false } };
  const line = colour(stroke);
  const chart = new uPlot({
    width: host.clientWidth || 300, height: HEIGHT, legend: { show: false }, cursor: { show: false }, padding: [6, 16, 0, 0],
    scales: { x: { time: false, range: [-60, 0] }, y: { range } },
    axes: [
      { ...axis, size: 20, values: (_, splits) => splits.map((s) => (s === 0 ? "now" : `${s} s`)) },
      { ...axis, size: 42, space: 28, values: (_, splits) => splits.map((v) => (unit ? String(Math.round(v * 100) / 100) : "")) },
    ],
    series: [{}, isDots
      ? { stroke: line, paths: () => null, points: { show: true, size: 3, fill: line, width: 0 } }
      : { stroke: line, width: 1.5, points: { show: false } }],
  }, [[], []], host);
  const observer = new ResizeObserver(() => host.clientWidth && chart.setSize({ width: host.clientWidth, height: HEIGHT }));
  observer.observe(host);
  host.querySelectorAll("canvas").forEach((canvas) => canvas.setAttribute("aria-hidden", "true"));
  return { name, chart, observer };
}

onTheme(() => charts.length && build());
