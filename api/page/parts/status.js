// @ts-check
import { h, svg } from '../dom.js';
import { isOverdue, STATUSES } from '../rules/words.rules.js';

/** @typedef {import('../rules/words.rules.js').Tone} Tone */

/** Each tone has a shape of its own, so that no meaning hangs on colour alone. @type {Readonly<Record<Tone, string>>} */
const SHAPES = {
  wait: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 2.5V8l2.5 1.5',
  hold: 'M5.5 3.5v9M10.5 3.5v9',
  busy: 'M4.5 3v10l8-5Z',
  bad: 'M8 2 1.8 13.5h12.4ZM8 6.5v3.2m0 1.7v.2',
  good: 'm3 8.5 3.5 3.5L13 4.5',
  off: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2ZM3.8 3.8l8.4 8.4',
};

/** @param {Tone} tone */
export const toneIcon = (tone) => svg('svg', { viewBox: '0 0 16 16', class: 'icon', 'aria-hidden': 'true', focusable: 'false' }, svg('path', { d: SHAPES[tone] }));

/** A word in a coloured pill. @param {Tone} tone @param {string} text @param {string} [title] */
export const pill = (tone, text, title) => h('span', { class: `pill ${tone}`, title }, toneIcon(tone), text);

/** @param {keyof typeof STATUSES} status */
export function statusPill(status) {
  const { label, tone, about } = STATUSES[status];
  return pill(tone, label, about);
}

/**
 * What is to be known of a deletion besides its status.
 * @param {{ parked: boolean, final: boolean, dueAt: string, dryRun: boolean, gdprMode: boolean }} deletion
 */
export function flags(deletion) {
  return [
    deletion.parked && pill('bad', 'Parked', 'Stopped until something or someone moves it'),
    isOverdue(deletion, Date.now()) && pill('bad', 'Overdue', 'Past its due date'),
    deletion.dryRun && pill('off', 'Dry run', 'Counts, erases nothing'),
  ];
}

/** @type {Readonly<Record<string, { tone: Tone, label: string }>>} */
const INVENTORY = {
  ACTIVE: { tone: 'busy', label: 'Active' }, EMPTY: { tone: 'wait', label: 'Empty' }, ERASED: { tone: 'good', label: 'Erased' }, DEPROVISIONED: { tone: 'off', label: 'Deprovisioned' }, UNKNOWN: { tone: 'bad', label: 'Unknown' },
};

/** Of a tenant or a service. @param {string} status */
export function inventoryPill(status) {
  const { tone, label } = INVENTORY[status] ?? { tone: 'off', label: status };
  return pill(tone, label);
}
