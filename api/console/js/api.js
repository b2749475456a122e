// Requests to the API: with the token, with problems as errors, and patient where the server asks for that.

let token = () => null;
let refused = () => {};
/** How far the service's clock is ahead of this machine's. */
let ahead = 0;

/** How requests come by their token, and what happens when it is not good any more. */
export function by(getToken, onRefused) {
  [token, refused] = [getToken, onRefused];
}

/** The time by the service's clock. */
export const now = () => Date.now() + ahead;

export class Problem extends Error {
  constructor(problem, retryAfter) {
    super(problem.title);
    [this.problem, this.retryAfter, this.status] = [problem, retryAfter, problem.status];
  }
}

/** Whole numbers that a float cannot hold stay as they were written. */
function exact(_, value, context) {
  const large = typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "");
  return large ? BigInt(context.source) : value;
}

/** `keeps`: where a 401 is about what was sent, and says nothing of the sign-in. */
export async function raw(method, path, { body, headers = {}, anonymous = false, keeps = false } = {}) {
  const bearer = anonymous ? null : token();
  let reply;
  try {
    reply = await fetch(path, {
      method, body, cache: "no-store", credentials: "omit", redirect: "error",
      headers: { ...headers, ...(bearer ? { authorization: `Bearer ${bearer}` } : {}) },
    });
  } catch {
    throw new Error("The service does not answer.");
  }
  ahead = (Date.parse(reply.headers.get("date")) || now()) - Date.now();
  if (reply.ok) return reply;
  const isProblem = reply.headers.get("content-type") === "application/problem+json";
  // Health answers with 503 and its own content.
  if (!isProblem && reply.status === 503) return reply;
  const problem = isProblem ? await reply.json() : { title: `The service answered ${reply.status}`, status: reply.status };
  if (reply.status === 401 && bearer && bearer === token() && !keeps) refused();
  throw new Problem(problem, Number(reply.headers.get("retry-after")) || undefined);
}

async function json(method, path, value, options = {}) {
  const body = value === undefined ? {} : { body: JSON.stringify(value), headers: { "content-type": "application/json" } };
  const reply = await raw(method, path, { ...options, ...body });
  if (reply.status === 204) return null;
  return JSON.parse(await reply.text(), exact);
}

export const get = (path, options) => json("GET", path, undefined, options);
export const post = (path, value, options) => json("POST", path, value, options);
export const put = (path, value, options) => json("PUT", path, value, options);
export const remove = (path) => json("DELETE", path);

/** Gets what is looked at again and again: where the service asks for patience, it waits, and goes on. */
export async function patiently(path) {
  for (;;) {
    try {
      return await get(path);
    } catch (error) {
      if (error.status !== 429 && error.status !== 503) throw error;
      await new Promise((done) => setTimeout(done, 1000 * (error.retryAfter ?? 5)));
    }
  }
}
export { exact };
