// The caller's own account: role, licence, password, sign-ins; and how the console looks.

import * as api from "./api.js";
import { $, button, make, pairs, themeChanged } from "./dom.js";
import { moment } from "./format.js";
import { complain, note, trying } from "./message.js";
import * as nav from "./nav.js";
import * as session from "./session.js";

let renew = () => {};

/** Told when the role may have changed. */
export const onChange = (call) => { renew = call; };

async function show() {
  const me = session.current();
  if (!me) return;
  pairs($("account-facts"), [
    ["Name", me.name], ["Number", me.person], ["Role", me.role],
    ["Licence", me.licence_accepted ? "accepted" : "not accepted yet"],
    ["Signed in until", make("span", { class: "live", text: moment(me.sign_in_expires) })],
  ]);
  $("licence-form").hidden = me.licence_accepted;
  try {
    const { sign_ins: all } = await api.get("/sign-ins");
    $("sign-ins").replaceChildren(...all.map(row));
  } catch (error) {
    complain(error);
  }
}

function row(one) {
  const end = (event) => trying(async () => {
    await api.remove(`/sign-ins/${one.sign_in}`);
    await show();
  }, event.currentTarget);
  return make("li", {},
    make("span", { class: "grow num live", text: `${moment(one.created)}, last used ${moment(one.seen)}` }),
    one.current ? make("span", { class: "pill", "data-tone": "good", text: "this one" }) : button("End", end, { class: "quiet danger", "aria-label": `End the sign-in of ${moment(one.created)}` }));
}

/** A wrong old password is no reason to end the sign-in. */
const changed = () => api.put("/account/password", { old: $("password-old").value, new: $("password-new").value }, { keeps: true })
  .catch((error) => { throw error.status === 401 && session.current() ? new Error("That is not your password until now.") : error; });

const submits = (id, what) => $(id).addEventListener("submit", (event) => {
  event.preventDefault();
  trying(what, event.submitter);
});

export function begin() {
  nav.view("account", { show });
  submits("password-form", async () => {
    $("password-name").value = session.current().name;
    session.take(await changed());
    $("password-form").reset();
    note("The password is changed. All other sign-ins have ended.");
    renew();
    await show();
  });
  submits("licence-form", async () => {
    await api.post("/account/licence", { version: Number($("licence-version").value) });
    session.current().licence_accepted = true;
    renew();
    await show();
  });
  $("theme").addEventListener("change", () => {
    document.documentElement.dataset.theme = $("theme").value;
    themeChanged();
  });
}
