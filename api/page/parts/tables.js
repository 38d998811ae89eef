// @ts-check
import { h, id, moment } from '../dom.js';
import { hashOf } from '../rules/route.rules.js';
import { durationWords, FAILURES, sentence, subjectWords } from '../rules/words.rules.js';
import { flags, statusPill } from './status.js';

/** @typedef {import('../dom.js').Child} Child */
/** @typedef {import('../rules/words.rules.js').ListedDeletion} ListedDeletion */

/**
 * A table that becomes cards where the screen is narrow; its roles are said once more, for browsers forget them when rows become blocks.
 * @param {string} label
 * @param {readonly string[]} columns
 * @param {readonly (readonly (Child | readonly Child[])[])[]} rows
 */
export function cardTable(label, columns, rows) {
  return h('table', { class: 'cards', role: 'table', 'aria-label': label },
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, columns.map((column) => h('th', { role: 'columnheader', scope: 'col' }, column)))),
    h('tbody', { role: 'rowgroup' }, rows.map((cells) => h('tr', { role: 'row' }, cells.map((cell, index) => h('td', { role: 'cell', 'data-label': columns[index] }, h('div', { class: 'cell' }, ...[cell].flat())))))));
}

/** A table that is scrolled inside a region of its own, which the keyboard reaches. @param {string} label @param {readonly string[]} columns @param {readonly (readonly (Child | readonly Child[])[])[]} rows */
export function wideTable(label, columns, rows) {
  return h('div', { class: 'scroll', role: 'group', 'aria-label': `${label}, scrolls sideways`, tabindex: 0 },
    h('table', { 'aria-label': label }, h('thead', {}, h('tr', {}, columns.map((column) => h('th', { scope: 'col' }, column)))),
      h('tbody', {}, rows.map((cells) => h('tr', {}, cells.map((cell) => h('td', {}, ...[cell].flat())))))));
}

/** @param {string} requestId @param {string} [text] */
export const deletionLink = (requestId, text) => h('a', { href: hashOf({ view: 'deletion', requestId }) }, text === undefined ? id(requestId) : text);

/** @param {string} tenantId */
export const tenantLink = (tenantId) => h('a', { href: hashOf({ view: 'tenant', tenantId }) }, id(tenantId));

/** @param {string} label @param {readonly ListedDeletion[]} items */
export function deletionTable(label, items) {
  return cardTable(label, ['Deletion of', 'Status', 'Received', 'Took', 'Due', 'Why'], items.map((deletion) => [
    [deletionLink(deletion.requestId, sentence(subjectWords(deletion))), h('div', { class: 'under' }, id(deletion.requestId))],
    h('span', { class: 'pills' }, statusPill(deletion.status), flags({ ...deletion, parked: false })),
    moment(deletion.timeline.received),
    deletion.timeline.duration_ms === null ? '–' : h('span', { class: 'whole' }, durationWords(deletion.timeline.duration_ms)),
    deletion.final ? '–' : moment(deletion.dueAt),
    deletion.failure === null ? '–' : [FAILURES[deletion.failure.code].title, h('div', { class: 'under clipped' }, deletion.failure.message)],
  ]));
}
