// @ts-check

/**
 * What a view works with.
 * @typedef {object} Context
 * @property {import('../api.js').Api} api
 * @property {import('../../../contracts/api/me.js').MeAnswer} me
 * @property {(message: string) => void} say tells the reader, and a screen reader, what has happened
 * @property {(problem: import('../api.js').ApiProblem) => void} signedOut asks for another token, and comes back to where the reader is
 */

/**
 * What a view shows: the first heading of its content takes the focus.
 * @typedef {object} View
 * @property {string} title
 * @property {readonly (import('../dom.js').Child)[]} content
 * @property {() => void} [opened] called once the content is in the document
 * @property {() => void} [close] called when another view takes its place
 */

export {};
