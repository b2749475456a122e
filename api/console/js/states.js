// States of a recording by tick, asked for piece by piece and kept for a while.

import * as api from "./api.js";
import { Model, placed } from "./model.js";

const KEPT_MAX = 400;
/** How often the same is asked for again while a state is being rebuilt. */
const TRIES_MAX = 40;
const AGAIN_MS = 150;

export class States {
  constructor(recording) {
    this.recording = recording;
    this.kept = new Map();
  }

  has(tick) {
    return tick >= this.recording.first_tick && tick <= this.recording.last_tick;
  }

  /** The state after a tick. */
  async at(tick) {
    if (!this.kept.has(tick)) await this.read(tick, tick, 1);
    return this.kept.get(tick) ?? null;
  }

  /** Reads some states in advance. */
  async read(from, to, every) {
    let next = from;
    for (let tries = 0; next !== null && tries < TRIES_MAX; tries++) {
      const reply = await api.patiently(`/recordings/${this.recording.id}/states?from_tick=${next}&to_tick=${to}&every=${every}`);
      reply.states.forEach((state) => this.keep(state));
      if (!reply.states.length && reply.next_tick === next) await new Promise((done) => setTimeout(done, AGAIN_MS));
      else tries = 0;
      next = reply.next_tick;
    }
  }

  keep(state) {
    this.kept.set(state.tick, state);
    while (this.kept.size > KEPT_MAX) this.kept.delete(this.kept.keys().next().value);
  }

  isKept(tick) {
    return this.kept.has(tick);
  }
}

/** A state as a model, for a picture. */
export function modelOf(state) {
  const model = new Model();
  const body = (thing) => ({ ...thing, kind: thing.kind ?? "body", mass_kg: 0, ...named(thing) });
  const named = ({ position_m: m, velocity_m_s: v }) => {
    const { cell, offset } = placed(m);
    return { cell, offset_m: offset, velocity_m_s: v };
  };
  model.describe([...state.bodies, ...state.entities].map(body));
  return model;
}
