// The world from above the ecliptic, on a plain canvas: the second projection, what is shown without WebGL, and the two
// pictures of a comparison.

import { faceOf, isBody, weightOf } from "./objects.js";
import { between } from "./model.js";
import { fitted } from "./labels.js";

const MARK_PX = { body: 2.5, other: 3 };
const place = [0, 0, 0];

export class Plan {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
  }

  /** Draws a model about a focus; gives what is to be labelled. */
  draw(model, focus, { scale, pan, trails, line }) {
    const context = fitted(this.canvas, this.context);
    const [middleX, middleY] = [this.canvas.clientWidth / 2, this.canvas.clientHeight / 2];
    const x = (m) => middleX + (m - pan[0]) / scale;
    const y = (m) => middleY - (m - pan[1]) / scale;
    rings(context, { x, y, scale, line, reach: Math.hypot(middleX, middleY) + Math.hypot(...pan) / scale });
    if (trails !== "off") {
      for (const object of model.objects.values()) this.trail(model, object, focus, trails === "focus", x, y);
    }
    const items = [];
    // What is weightier goes over what is about it.
    const order = [...model.objects.values()].sort((a, b) => weightOf(a) - weightOf(b));
    for (const object of order) {
      between(focus, object, place);
      const [px, py] = [x(place[0]), y(place[1])];
      const radius = Math.max(object.radius / scale, isBody(object) ? MARK_PX.body : MARK_PX.other);
      if (px < -radius || py < -radius || px > 2 * middleX + radius || py > 2 * middleY + radius) continue;
      mark(context, object, px, py, radius);
      items.push({ object, x: px, y: py, radius: Math.min(radius, 400), weight: weightOf(object), text: object.name });
    }
    return items;
  }

  trail(model, object, focus, isAboutFocus, x, y) {
    const context = this.context;
    context.strokeStyle = faceOf(object);
    context.globalAlpha = 0.55;
    context.lineWidth = 1;
    context.beginPath();
    const count = model.trail(object, focus, isAboutFocus, (n, _, mx, my) => {
      if (n) context.lineTo(x(mx), y(my));
      else context.moveTo(x(mx), y(my));
    });
    if (count > 1) context.stroke();
    context.globalAlpha = 1;
  }
}

/** Bodies are discs; everything else is a diamond. */
function mark(context, object, x, y, radius) {
  context.fillStyle = faceOf(object);
  context.beginPath();
  if (isBody(object)) {
    context.arc(x, y, Math.min(radius, 1e5), 0, 2 * Math.PI);
  } else {
    const r = radius + 1.5;
    context.moveTo(x, y - r);
    context.lineTo(x + r, y);
    context.lineTo(x, y + r);
    context.lineTo(x - r, y);
  }
  context.fill();
}

/** Circles about the focus at powers of ten, so that a picture has a measure. */
function rings(context, { x, y, scale, line, reach }) {
  context.strokeStyle = line;
  context.lineWidth = 1;
  const least = Math.ceil(Math.log10(scale * 25));
  for (let power = least; 10 ** power / scale < reach && power < least + 3; power++) {
    context.beginPath();
    context.arc(x(0), y(0), 10 ** power / scale, 0, 2 * Math.PI);
    context.stroke();
  }
}
