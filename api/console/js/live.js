// What comes by itself: ten samples of the status a second, and twice a second where everything is.

import { isStill } from "./dom.js";
import { Socket } from "./socket.js";

const listeners = { sample: new Set(), scene: new Set(), link: new Set() };

let socket = null;
let wantsScene = false;
export let last = null;

export const on = (kind, call) => listeners[kind].add(call);
const tell = (kind, value) => listeners[kind].forEach((call) => call(value));

export function start() {
  stop();
  socket = new Socket("/ws/telemetry", {
    heard(message) {
      if (message.type === "sample") {
        last = message;
        tell("sample", message);
      } else if (message.type === "scene") {
        tell("scene", message);
      }
    },
    changed(isOpen) {
      tell("link", isOpen);
      if (isOpen) subscribe();
    },
  });
}

export function stop() {
  socket?.close();
  [socket, last] = [null, null];
}

/** Where everything is, is asked for only while it is looked at. */
export function wantScene(wants) {
  if (wantsScene === wants) return;
  wantsScene = wants;
  subscribe();
}

function subscribe() {
  socket?.send({ type: "subscribe", rate_hz: isStill ? 2 : 10, scene: wantsScene });
}
