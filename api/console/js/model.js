// Where things are, in double precision: a cell and an offset, as the simulation has them. Only differences are ever turned
// into one number, so a metre stays a metre at the edge of the Solar System.

const CELL_M = 2 ** 20;
/** Points of a trail: ten minutes of scenes. */
const TRAIL_POINTS = 1200;
/** So many entities have a trail; the page says so where there are more. */
const TRAILS_MAX = 400;
/** The ecliptic of J2000 against the equator, in which the axes of ICRF lie. */
const TILT = (23.4392911 * Math.PI) / 180;
const [COS, SIN] = [Math.cos(TILT), Math.sin(TILT)];
/** Beyond this rate of time a straight line between two scenes is none. */
const STRAIGHT_FACTOR_MAX = 20;

/** Metres from one place to another, in ecliptic axes. */
export function between(from, to, out) {
  const x = (to.cell[0] - from.cell[0]) * CELL_M + (to.offset[0] - from.offset[0]);
  const y = (to.cell[1] - from.cell[1]) * CELL_M + (to.offset[1] - from.offset[1]);
  const z = (to.cell[2] - from.cell[2]) * CELL_M + (to.offset[2] - from.offset[2]);
  return turn(x, y, z, out);
}

function turn(x, y, z, out) {
  out[0] = x;
  out[1] = COS * y + SIN * z;
  out[2] = COS * z - SIN * y;
  return out;
}

export class Model {
  constructor() {
    this.objects = new Map();
    this.tick = null;
    /** Number of scenes so far: the trails of all objects are cut at the same ones. */
    this.scenes = 0;
    this.taken = 0;
    this.speed = 0;
    /** Entities that have a trail. */
    this.trails = 0;
    /** Whether there are more entities than trails. */
    this.lacksTrails = false;
  }

  /** Names, kinds, masses and radii. */
  describe(bodies) {
    const known = new Set();
    for (const body of bodies) {
      known.add(body.id);
      const before = this.objects.get(body.id);
      const object = before ?? { id: body.id, trail: null };
      Object.assign(object, { name: body.name || `${body.kind} ${body.id}`, kind: body.kind, mass: body.mass_kg, radius: body.radius_m });
      if (!before) this.place(object, body);
      this.objects.set(body.id, object);
    }
    for (const [id, object] of this.objects) {
      if (known.has(id)) continue;
      this.objects.delete(id);
      this.lacksTrails = false;
      if (object.trail && id >= 0) this.trails -= 1;
    }
  }

  place(object, body) {
    object.cell = body.cell;
    object.offset = [...body.offset_m];
    object.base = body.offset_m;
    object.velocity = body.velocity_m_s;
  }

  /** Takes a scene. True where it has something that is not described, or lacks something that is. */
  take(scene, now) {
    let isStrange = false;
    let count = 0;
    this.scenes += 1;
    [this.tick, this.taken] = [scene.tick, now];
    for (const body of scene.bodies) {
      const object = this.objects.get(body.id);
      if (!object) {
        isStrange = true;
        continue;
      }
      count += 1;
      this.place(object, body);
      this.lengthen(object);
    }
    return isStrange || (!scene.has_more && count < this.objects.size);
  }

  lengthen(object) {
    if (!object.trail) {
      if (object.id >= 0 && this.trails >= TRAILS_MAX) {
        this.lacksTrails = true;
        return;
      }
      this.trails += object.id >= 0 ? 1 : 0;
      object.trail = { from: this.scenes, points: new Float64Array(3 * TRAIL_POINTS) };
    }
    const at = 3 * (this.scenes % TRAIL_POINTS);
    for (let axis = 0; axis < 3; axis++) object.trail.points[at + axis] = object.cell[axis] * CELL_M + object.base[axis];
  }

  /** Moves everything on along its velocity since the last scene; `rate` is simulated time per time. */
  advance(now, rate) {
    const s = rate > 0 && rate <= STRAIGHT_FACTOR_MAX ? Math.min(1, (now - this.taken) / 1000) * rate : 0;
    for (const object of this.objects.values()) {
      for (let axis = 0; axis < 3; axis++) object.offset[axis] = object.base[axis] + object.velocity[axis] * s;
    }
  }

  /** Calls back with the points of a trail as metres from the focus, oldest first; gives how many. */
  trail(object, focus, isAboutFocus, call) {
    const trail = object.trail;
    if (!trail || (isAboutFocus && !focus.trail)) return 0;
    const oldest = this.scenes - TRAIL_POINTS + 1;
    const first = Math.max(trail.from, oldest, isAboutFocus ? focus.trail.from : 0);
    const count = this.scenes - first + 1;
    for (let n = 0; n < count; n++) {
      const at = 3 * ((first + n) % TRAIL_POINTS);
      const [p, q] = [trail.points, focus.trail?.points];
      const origin = (axis) => (isAboutFocus ? q[at + axis] : focus.cell[axis] * CELL_M + focus.offset[axis]);
      turn(p[at] - origin(0), p[at + 1] - origin(1), p[at + 2] - origin(2), scratch);
      call(n, count, scratch[0], scratch[1], scratch[2]);
    }
    return count;
  }

  /** The heaviest thing: what everything else is about. */
  heaviest() {
    let best = null;
    for (const object of this.objects.values()) if (!best || object.mass > best.mass) best = object;
    return best;
  }

  /** The radius about an object that holds all bodies, or where there are none, everything. */
  extent(focus) {
    let far = 0;
    const bodies = [...this.objects.values()].filter((object) => object.kind === "body");
    for (const object of bodies.length > 1 ? bodies : this.objects.values()) {
      between(focus, object, scratch);
      far = Math.max(far, Math.hypot(scratch[0], scratch[1], scratch[2]));
    }
    return far || Math.max(1, focus.radius * 10);
  }
}

const scratch = [0, 0, 0];

/** A place that a recording tells in metres. */
export function placed(m) {
  const cell = m.map((value) => Math.floor(value / CELL_M));
  return { cell, offset: m.map((value, axis) => value - cell[axis] * CELL_M) };
}
