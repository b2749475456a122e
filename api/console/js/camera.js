// Where one looks from: an angle and a distance about the focus, by pointer, wheel, touch and keys.

const FIELD = (50 * Math.PI) / 180;
const [NEAREST_M, FARTHEST_M] = [2, 1e15];

export class Camera {
  constructor(stage, { changed, pick }) {
    Object.assign(this, { stage, changed, pick, yaw: -0.9, pitch: 0.55, distance: 1e12, pan: [0, 0], isFlat: false });
    this.pointers = new Map();
    stage.addEventListener("pointerdown", (event) => this.down(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, (event) => this.up(event));
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(event.deltaY * 0.0015));
    }, { passive: false });
  }

  /** Metres of a pixel at the focus. */
  get scale() {
    return (2 * this.distance * Math.tan(FIELD / 2)) / Math.max(1, this.stage.clientHeight);
  }

  get field() {
    return FIELD;
  }

  /** The camera's place about the focus, metres, ecliptic axes. */
  place(out) {
    const [level, height] = [Math.cos(this.pitch) * this.distance, Math.sin(this.pitch) * this.distance];
    out[0] = level * Math.cos(this.yaw);
    out[1] = level * Math.sin(this.yaw);
    out[2] = height;
    return out;
  }

  /** So that a sphere of this radius fills the picture. */
  fit(radius) {
    const { clientWidth, clientHeight } = this.stage;
    const wide = Math.min(1, clientWidth / Math.max(1, clientHeight));
    this.distance = clamp((radius * 1.15) / (Math.tan(FIELD / 2) * (wide || 1)), NEAREST_M, FARTHEST_M);
    this.pan = [0, 0];
    this.changed();
  }

  zoom(factor) {
    this.distance = clamp(this.distance * factor, NEAREST_M, FARTHEST_M);
    this.changed();
  }

  turn(dx, dy) {
    if (this.isFlat) {
      this.pan[0] -= dx * this.scale;
      this.pan[1] += dy * this.scale;
    } else {
      this.yaw -= dx * 0.006;
      this.pitch = clamp(this.pitch + dy * 0.006, -1.55, 1.55);
    }
    this.changed();
  }

  down(event) {
    this.stage.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY, moved: 0 });
  }

  move(event) {
    const pointer = this.pointers.get(event.pointerId);
    if (!pointer) return;
    const [dx, dy] = [event.clientX - pointer.x, event.clientY - pointer.y];
    const before = this.spread();
    Object.assign(pointer, { x: event.clientX, y: event.clientY, moved: pointer.moved + Math.abs(dx) + Math.abs(dy) });
    const after = this.spread();
    if (this.pointers.size === 2 && before > 0 && after > 0) this.zoom(before / after);
    else if (this.pointers.size === 1) this.turn(dx, dy);
  }

  up(event) {
    const pointer = this.pointers.get(event.pointerId);
    this.pointers.delete(event.pointerId);
    if (!pointer || pointer.moved > 5 || event.type !== "pointerup") return;
    const box = this.stage.getBoundingClientRect();
    this.pick(event.clientX - box.left, event.clientY - box.top);
  }

  /** Distance between two fingers. */
  spread() {
    const [a, b] = [...this.pointers.values()];
    return b ? Math.hypot(a.x - b.x, a.y - b.y) : 0;
  }

  /** Whether a key was one of ours. */
  key(key) {
    const turns = { ArrowLeft: [12, 0], ArrowRight: [-12, 0], ArrowUp: [0, 12], ArrowDown: [0, -12] };
    if (turns[key]) this.turn(...turns[key].map((step) => step * (this.isFlat ? 2 : 1)));
    else if (key === "+" || key === "=") this.zoom(1 / 1.25);
    else if (key === "-" || key === "_") this.zoom(1.25);
    else return false;
    return true;
  }
}

const clamp = (value, least, most) => Math.min(most, Math.max(least, value));
