// Names beside things, drawn over the picture: the weightiest first, and none over another.

export class Labels {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
  }

  draw(items, colours) {
    over(fitted(this.canvas, this.context), items, colours);
  }
}

/** Draws over what is there. `items` have x, y, text, weight, radius in pixels, isSelected. Colours are those of the page. */
export function over(context, items, { ink, halo, accent }) {
  context.font = '12px system-ui, "DejaVu Sans", sans-serif';
  context.textBaseline = "middle";
  context.lineWidth = 3;
  context.lineJoin = "round";
  const taken = [];
  for (const item of items.sort((a, b) => b.isSelected - a.isSelected || b.weight - a.weight)) {
    if (item.isSelected) ring(context, item, accent);
    const box = { x: item.x + item.radius + 5, y: item.y - 8, w: context.measureText(item.text).width + 4, h: 16 };
    const isOver = taken.some((other) => box.x < other.x + other.w && other.x < box.x + box.w && box.y < other.y + other.h && other.y < box.y + box.h);
    if (isOver && !item.isSelected) continue;
    taken.push(box);
    context.strokeStyle = halo;
    context.strokeText(item.text, box.x, item.y);
    context.fillStyle = item.isSelected ? accent : ink;
    context.fillText(item.text, box.x, item.y);
  }
}

function ring(context, item, accent) {
  context.beginPath();
  context.arc(item.x, item.y, item.radius + 4, 0, 2 * Math.PI);
  context.strokeStyle = accent;
  context.lineWidth = 1.5;
  context.stroke();
  context.lineWidth = 3;
}

/** A canvas as large as it is shown, in pixels of the device, emptied. */
export function fitted(canvas, context) {
  const ratio = Math.min(2, devicePixelRatio || 1);
  const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  return context;
}
