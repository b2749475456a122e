// Requests to the API: with the token, with problems as errors, and patient where the server asks for that.

let token = () => null;
let refused = () => {};

/** How requests come by their token, and what happens when it is not good any more. */
export function by(getToken, onRefused) {
  [token, refused] = [getToken, onRefused];
}

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

export async function raw(method, path, { body, headers = {}, anonymous = false } = {}) {
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
  if (reply.ok) return reply;
  const isProblem = reply.headers.get("content-type") === "application/problem+json";
  // Health answers with 503 and its own content.
  if (!isProblem && reply.status === 503) return reply;
  const problem = isProblem ? await reply.json() : { title: `The service answered ${reply.status}`, status: reply.status };
  if (reply.status === 401 && bearer && bearer === token()) refused();
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
export const put = (path, value) => json("PUT", path, value);
export const remove = (path) => json("DELETE", path);
export { exact };
