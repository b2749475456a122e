// A WebSocket of the API: says who asks by its first message, counts its messages, lives on with each newer token, and comes
// back when it is lost.

import { Problem, exact } from "./api.js";
import { end, onRenewed, renew, token } from "./session.js";

/** Time until it comes back, twice as long each time that it does not. */
const [RETRY_MS, RETRY_MAX_MS] = [1000, 60_000];
/** How it is closed where the token is not good any more, and where the role does not allow it. */
export const [CLOSED_TOKEN, CLOSED_ROLE] = [4401, 4403];

export class Socket {
  /** `heard(message)` gets each message, `changed(isOpen, code)` is told when it opens or closes, also where it never opened. */
  constructor(path, { heard, changed, comesBack = true }) {
    Object.assign(this, { path, heard, changed, comesBack, seq: 0, waiting: [], isOpen: false, isWanted: true, retry: RETRY_MS });
    this.forget = onRenewed(() => this.prolong());
    this.connect();
  }

  connect() {
    if (!this.isWanted || !token()) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}${this.path}`);
    this.socket = socket;
    socket.addEventListener("open", () => {
      this.token = token();
      socket.send(JSON.stringify({ type: "authenticate", token: this.token }));
    });
    socket.addEventListener("message", (event) => this.take(JSON.parse(event.data, exact)));
    socket.addEventListener("close", (event) => this.lost(event.code));
  }

  take(message) {
    if (!this.isWanted) return;
    if (message.type === "authenticated" && this.isOpen) {
      // It lives as long as the newer token now.
      this.token = this.offered;
    } else if (message.type === "authenticated") {
      [this.isOpen, this.seq, this.retry] = [true, 0, RETRY_MS];
      this.changed(true, 0);
    } else if (message.type === "problem" && this.waiting.length) {
      this.waiting.shift().reject(new Problem(message.problem));
    } else if (message.type === "done" && this.waiting.length) {
      this.waiting.shift().resolve(message.answer);
    } else {
      this.heard(message);
    }
  }

  async lost(code) {
    const wasOpen = this.isOpen;
    this.isOpen = false;
    this.waiting.splice(0).forEach((one) => one.reject(new Error("The connection was lost.")));
    // Whoever closed it has no use for the news.
    if (!this.isWanted) return;
    this.changed(false, code);
    // Who may not open it will not by trying again.
    if (!this.comesBack || code === CLOSED_ROLE) return;
    if (code === CLOSED_TOKEN && this.token === token()) {
      // A token that was just exchanged, and is not good either.
      if (this.isRenewed && !wasOpen) return end("ended");
      this.isRenewed = true;
      await renew();
    }
    setTimeout(() => this.connect(), this.retry);
    this.retry = Math.min(2 * this.retry, RETRY_MAX_MS);
  }

  send(message) {
    if (this.isOpen) this.socket.send(JSON.stringify({ ...message, seq: ++this.seq }));
  }

  /** Sends what is answered by `done`, in the order of asking. */
  ask(message) {
    if (!this.isOpen) return Promise.reject(new Error("There is no connection."));
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.send(message);
    });
  }

  /** It ends with its token, and goes on with a newer one of the same sign-in. */
  prolong() {
    if (!this.isOpen) return;
    this.offered = token();
    this.send({ type: "authenticate", token: this.offered });
  }

  close() {
    this.isWanted = false;
    this.forget();
    this.socket?.close();
  }
}
