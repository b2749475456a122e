// Who is signed in. The tokens live in this module's variables and nowhere else: a reload of the page forgets them.

import * as api from "./api.js";
import { note } from "./message.js";

const ROLES = ["guest", "player", "operator", "admin"];
/** Without any use of the page for so long, it signs out by itself. */
const IDLE_MS = 900_000;
/** How long it waits for an answer to signing out. */
const OUT_MS = 3000;

let signed = null;
let renewal = 0;
let renewing = null;
let used = 0;
let over = () => {};
const renewed = new Set();

export const current = () => signed;
export const token = () => signed?.access ?? null;
export const may = (role) => signed !== null && ROLES.indexOf(effective()) >= ROLES.indexOf(role);

/** Without the licence, only what a guest may do is allowed. */
export const effective = () => (signed.licence_accepted ? signed.role : "guest");

/** Calls back when there is a newer access token, until the call that this gives is made. */
export const onRenewed = (call) => {
  renewed.add(call);
  return () => renewed.delete(call);
};

/** Calls back with why (`out`, `idle`, `ended`) when nobody is signed in any more. */
export const onOver = (call) => { over = call; };

api.by(token, () => end("ended"));
for (const event of ["pointerdown", "keydown", "wheel"]) addEventListener(event, () => { used = Date.now(); }, { passive: true });
setInterval(() => {
  if (signed && Date.now() - used > IDLE_MS) signOut("idle");
}, 5000);

export async function signIn(name, password) {
  const reply = await api.post("/sign-in", { name, password }, { anonymous: true });
  used = Date.now();
  signed = { name };
  take(reply);
}

/** Takes the tokens of a reply; also that of a changed password. Whoever has signed out meanwhile stays so. */
export function take(reply) {
  if (!signed) return;
  signed = { ...reply, name: signed.name };
  clearTimeout(renewal);
  const left = Date.parse(reply.access_expires) - api.now();
  renewal = setTimeout(renew, Math.max(1000, Math.min(left * 0.8, left - 30_000)));
  for (const call of renewed) call();
}

/** Exchanges the tokens for new ones; one exchange at a time. */
export function renew() {
  renewing ??= exchange().finally(() => { renewing = null; });
  return renewing;
}

async function exchange() {
  const mine = signed;
  if (!mine) return;
  clearTimeout(renewal);
  try {
    const reply = await api.post("/refresh", { refresh: mine.refresh }, { anonymous: true });
    if (signed === mine) take(reply);
  } catch (error) {
    if (signed !== mine) return;
    if (error.status === 401 || error.status === 403) end("ended");
    else if (error.status) renewal = setTimeout(renew, 1000 * (error.retryAfter ?? 5));
    else wait();
  }
}

/** The answer was lost, and a refresh token that is sent twice is taken for a stolen one: what is there has to do. */
function wait() {
  const left = Math.max(0, Date.parse(signed.access_expires) - api.now());
  note(`Your sign-in could not be renewed. It ends in ${Math.ceil(left / 60_000)} min.`);
  renewal = setTimeout(() => end("ended"), left);
}

/** Signs out; the page forgets the tokens at once, whatever the service says, and then tells it. */
export async function signOut(why = "out") {
  const access = token();
  if (!access) return;
  clearTimeout(renewal);
  signed = null;
  const told = api.raw("POST", "/sign-out", { anonymous: true, headers: { authorization: `Bearer ${access}` } }).catch(() => {});
  over(why, Promise.race([told, new Promise((done) => setTimeout(done, OUT_MS))]));
}

/** The sign-in has ended by itself. */
export function end(why) {
  if (!signed) return;
  clearTimeout(renewal);
  signed = null;
  over(why, Promise.resolve());
}
