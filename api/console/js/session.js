// Who is signed in. The tokens live in this module's variables and nowhere else: a reload of the page forgets them.

import * as api from "./api.js";

const ROLES = ["guest", "player", "operator", "admin"];
/** Without any use of the page for so long, it signs out by itself. */
const IDLE_MS = 900_000;

let signed = null;
let renewal = 0;
let used = Date.now();
let over = () => {};

export const current = () => signed;
export const token = () => signed?.access ?? null;
export const may = (role) => signed !== null && ROLES.indexOf(effective()) >= ROLES.indexOf(role);

/** Without the licence, only what a guest may do is allowed. */
export const effective = () => (signed.licence_accepted ? signed.role : "guest");

/** Calls back with a sentence when the sign-in ends by itself. */
export const onOver = (call) => { over = call; };

api.by(token, () => end("Your sign-in has ended. Sign in again."));
for (const event of ["pointerdown", "keydown", "wheel"]) addEventListener(event, () => { used = Date.now(); }, { passive: true });
setInterval(() => {
  if (signed && Date.now() - used > IDLE_MS) signOut().finally(() => over("You were signed out after 15 minutes without use."));
}, 5000);

export async function signIn(name, password) {
  take(await api.post("/sign-in", { name, password }, { anonymous: true }), name);
}

/** Takes the tokens of a reply; also that of a changed password. */
export function take(reply, name = signed?.name) {
  signed = { ...reply, name };
  used = Math.max(used, Date.now() - IDLE_MS / 2);
  clearTimeout(renewal);
  const left = Date.parse(reply.access_expires) - Date.now();
  renewal = setTimeout(renew, Math.max(1000, Math.min(left * 0.8, left - 30_000)));
}

async function renew() {
  try {
    take(await api.post("/refresh", { refresh: signed.refresh }, { anonymous: true }));
  } catch (error) {
    if (error.status === 401 || error.status === 403) end("Your sign-in has ended. Sign in again.");
    else renewal = setTimeout(renew, 5000);
  }
}

/** Signs out; the page forgets the tokens whatever the server says. */
export async function signOut() {
  const ended = signed ? api.post("/sign-out").catch(() => {}) : null;
  clearTimeout(renewal);
  await ended;
  signed = null;
}

function end(why) {
  if (!signed) return;
  clearTimeout(renewal);
  signed = null;
  over(why);
}
