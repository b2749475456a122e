// The world in three dimensions. Places are subtracted in double precision before they become the card's single one, so the
// camera is always at the origin; depth is logarithmic, from metres to light-hours.

import * as three from "../vendor/three.module.min.js";
import { between } from "./model.js";
import { faceOf, isBody, weightOf } from "./objects.js";

const MARK_PX = { body: 2.5, other: 3.5 };
/** A body that is larger than this in the picture shows its edges, so it gets finer ones. */
const NEAR_PX = 250;
const TRAIL_POINTS = 1200;

export const isPossible = () => document.createElement("canvas").getContext("webgl2") !== null;

export class Space {
  constructor(canvas) {
    this.canvas = canvas;
    this.renderer = new three.WebGLRenderer({ canvas, antialias: true, alpha: true, logarithmicDepthBuffer: true });
    this.scene = new three.Scene();
    this.camera = new three.PerspectiveCamera(50, 1, 0.1, 1e16);
    this.camera.up.set(0, 0, 1);
    this.light = new three.PointLight(0xffffff, 2.6, 0, 0);
    this.scene.add(this.light, new three.AmbientLight(0xffffff, 0.5));
    this.ball = new three.SphereGeometry(1, 48, 32);
    this.near = new three.SphereGeometry(1, 512, 256);
    this.stone = new three.OctahedronGeometry(1);
    this.seen = new Map();
    this.rings = [0, 1, 2].map(() => ring());
    this.rings.forEach((each) => this.scene.add(each));
  }

  /** Draws a model about a focus; gives what is to be labelled. */
  draw(model, focus, { camera, trails, line }) {
    this.fit(camera);
    const eye = camera.place([0, 0, 0]);
    this.camera.position.set(0, 0, 0);
    this.camera.lookAt(-eye[0], -eye[1], -eye[2]);
    this.camera.updateMatrixWorld();
    this.clear(model);
    this.measure(camera, eye, line);
    this.shine(model, focus, eye);
    const items = [];
    for (const object of model.objects.values()) {
      const item = this.put(object, focus, eye, camera);
      if (item) items.push(item);
      this.trail(model, object, focus, trails, eye);
    }
    this.renderer.render(this.scene, this.camera);
    return items;
  }

  fit(camera) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    this.renderer.setPixelRatio(Math.min(2, devicePixelRatio || 1));
    this.renderer.setSize(width, height, false);
    this.camera.fov = (camera.field * 180) / Math.PI;
    this.camera.aspect = width / Math.max(1, height);
    this.camera.updateProjectionMatrix();
    this.pixel = (2 * Math.tan(camera.field / 2)) / Math.max(1, height);
  }

  /** The light is where the heaviest body is. */
  shine(model, focus, eye) {
    const star = model.heaviest();
    if (!star) return;
    between(focus, star, place);
    this.light.position.set(place[0] - eye[0], place[1] - eye[1], place[2] - eye[2]);
    this.star = star;
  }

  put(object, focus, eye, camera) {
    const seen = this.seen.get(object.id) ?? this.make(object);
    between(focus, object, place);
    const [x, y, z] = [place[0] - eye[0], place[1] - eye[1], place[2] - eye[2]];
    const far = Math.hypot(x, y, z);
    const mark = isBody(object) ? MARK_PX.body : MARK_PX.other;
    const radius = Math.max(object.radius, far * this.pixel * mark);
    seen.mesh.position.set(x, y, z);
    seen.mesh.scale.setScalar(radius);
    // Of a mark one wants to see the colour, not the side that lies in the dark.
    const isMark = radius > object.radius || object === this.star;
    if (isBody(object)) seen.mesh.geometry = radius / (far * this.pixel) > NEAR_PX ? this.near : this.ball;
    seen.mesh.material = isMark ? seen.flat : seen.lit;
    point.set(x, y, z).project(this.camera);
    if (point.z > 1 || point.z < -1 || Math.abs(point.x) > 1.05 || Math.abs(point.y) > 1.05) return null;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const px = Math.min(400, radius / (far * this.pixel) || 0);
    return { object, x: ((point.x + 1) / 2) * width, y: ((1 - point.y) / 2) * height, radius: px, weight: weightOf(object), text: object.name };
  }

  make(object) {
    const colour = faceOf(object);
    const [flat, lit] = [new three.MeshBasicMaterial({ color: colour }), new three.MeshLambertMaterial({ color: colour })];
    const mesh = new three.Mesh(isBody(object) ? this.ball : this.stone, flat);
    mesh.frustumCulled = false;
    this.scene.add(mesh);
    const seen = { mesh, flat, lit, line: null };
    this.seen.set(object.id, seen);
    return seen;
  }

  trail(model, object, focus, trails, eye) {
    const seen = this.seen.get(object.id);
    if (trails === "off" || !object.trail) {
      if (seen.line) seen.line.visible = false;
      return;
    }
    seen.line ??= this.makeLine(object);
    const geometry = seen.line.geometry;
    const { array: points } = geometry.attributes.position;
    const { array: colours } = geometry.attributes.color;
    const count = model.trail(object, focus, trails === "focus", (n, all, x, y, z) => {
      points.set([x - eye[0], y - eye[1], z - eye[2]], 3 * n);
      colours[4 * n + 3] = 0.15 + (0.8 * n) / all;
    });
    geometry.setDrawRange(0, count);
    geometry.attributes.position.needsUpdate = geometry.attributes.color.needsUpdate = true;
    seen.line.visible = count > 1;
  }

  makeLine(object) {
    const geometry = new three.BufferGeometry();
    const colour = new three.Color(faceOf(object));
    const colours = new Float32Array(4 * TRAIL_POINTS);
    for (let n = 0; n < TRAIL_POINTS; n++) colours.set([colour.r, colour.g, colour.b, 0], 4 * n);
    geometry.setAttribute("position", new three.BufferAttribute(new Float32Array(3 * TRAIL_POINTS), 3));
    geometry.setAttribute("color", new three.BufferAttribute(colours, 4));
    const line = new three.Line(geometry, new three.LineBasicMaterial({ vertexColors: true, transparent: true }));
    line.frustumCulled = false;
    this.scene.add(line);
    return line;
  }

  /** Circles in the ecliptic about the focus at powers of ten. */
  measure(camera, eye, line) {
    const least = Math.ceil(Math.log10(camera.scale * 25));
    this.rings.forEach((each, n) => {
      each.material.color.setStyle(line);
      each.position.set(-eye[0], -eye[1], -eye[2]);
      each.scale.setScalar(10 ** (least + n));
    });
  }

  /** What is gone from the model goes from the picture. */
  clear(model) {
    for (const [id, seen] of this.seen) {
      if (model.objects.has(id)) continue;
      for (const each of [seen.mesh, seen.line]) if (each) this.scene.remove(each);
      [seen.flat, seen.lit, seen.line?.geometry, seen.line?.material].forEach((each) => each?.dispose());
      this.seen.delete(id);
    }
  }
}

function ring() {
  const points = Array.from({ length: 129 }, (_, n) => new three.Vector3(Math.cos((n * Math.PI) / 64), Math.sin((n * Math.PI) / 64), 0));
  const loop = new three.Line(new three.BufferGeometry().setFromPoints(points), new three.LineBasicMaterial());
  loop.frustumCulled = false;
  return loop;
}

const place = [0, 0, 0];
const point = new three.Vector3();
