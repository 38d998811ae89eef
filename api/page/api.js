// @ts-check

/** What the API says against it (RFC 9457), or that it cannot be reached: then the status is 0. */
export class ApiProblem extends Error {
  /** @param {{ status: number, type: string, title: string, detail: string }} problem */
  constructor({ status, type, title, detail }) {
    super(detail);
    this.name = 'ApiProblem';
    this.status = status;
    this.type = type;
    this.title = title;
  }
}

/**
 * The API, beside whose address this page lies.
 * @typedef {{ get: (path: string) => Promise<unknown>, post: (path: string, body: object) => Promise<unknown> }} Api
 */

const TIMEOUT_MS = 20_000;
const BASE = new URL('../api/v1/', document.baseURI);

/**
 * Both throw ApiProblem.
 * @param {() => string | undefined} token sent with every call, when there is one
 * @returns {Api}
 */
export function createApi(token) {
  return {
    get: (path) => ask(path, token(), {}),
    post: (path, body) => ask(path, token(), { method: 'POST', body: JSON.stringify(body) }),
  };
}

/** @param {string} path @param {string | undefined} token @param {RequestInit} request @returns {Promise<unknown>} */
async function ask(path, token, request) {
  /** @type {Record<string, string>} */
  const headers = { accept: 'application/json' };
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
  if (request.body !== undefined) headers['content-type'] = 'application/json';
  /** @type {Response | undefined} */
  let response;
  /** @type {unknown} */
  let body;
  try {
    response = await fetch(new URL(path, BASE), { ...request, headers, cache: 'no-store', credentials: 'omit', signal: AbortSignal.timeout(TIMEOUT_MS) });
    body = await response.json();
  } catch (error) {
    const detail = error instanceof DOMException && error.name === 'TimeoutError' ? `The API gave no answer within ${TIMEOUT_MS / 1_000} s.` : 'The API cannot be reached, or something between gave no JSON. Is it running?';
    throw new ApiProblem({ status: response?.ok === false ? response.status : 0, type: 'unreachable', title: 'No answer', detail });
  }
  if (response.ok) return body;
  const problem = /** @type {Partial<{ type: string, title: string, detail: string }>} */ (body);
  throw new ApiProblem({ status: response.status, type: problem.type ?? 'about:blank', title: problem.title ?? `HTTP ${response.status}`, detail: problem.detail ?? `The API answered with HTTP ${response.status}.` });
}
