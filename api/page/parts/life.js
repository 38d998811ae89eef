// @ts-check
import { h, id, moment, svg } from '../dom.js';
import { endOf, phasesOf, placesOf, stepsOf, xOf } from '../rules/life.rules.js';
import { durationWords, STATUSES, stepTitle } from '../rules/words.rules.js';
import { toneIcon } from './status.js';

/** @typedef {import('../rules/words.rules.js').Deletion} Deletion */

const WIDTH = 1_000;
const LEAST = 24;
const BAR = 26;
const ATTEMPT = 8;

/**
 * A deletion's life as a bar of its statuses, longer ones wider, with its attempts below. Whoever does not see it has the same in the list of
 * stretches under it, and step by step in the history.
 * @param {Deletion} deletion
 * @param {number} nowMs
 */
export function lifePicture(deletion, nowMs) {
  const phases = phasesOf(deletion, nowMs);
  const places = placesOf(phases, WIDTH, LEAST);
  const bars = phases.map(({ status }, index) => svg('rect', { class: `phase ${STATUSES[status].tone}`, x: places[index]?.x, y: 0, width: Math.max(1, (places[index]?.width ?? 0) - 3), height: BAR }));
  const attempts = deletion.attempts.map((attempt, index) => {
    const from = xOf(Date.parse(attempt.sentAt), phases, places);
    const end = endOf(attempt);
    const to = end ? xOf(end.atMs, phases, places) : WIDTH;
    return svg('rect', { class: `attempt ${end?.how ?? 'running'}`, x: from, y: BAR + 6 + index * (ATTEMPT + 4), width: Math.max(6, to - from), height: ATTEMPT });
  });
  const height = BAR + 6 + attempts.length * (ATTEMPT + 4);
  return h('div', { class: 'life' },
    svg('svg', { viewBox: `0 0 ${WIDTH} ${height}`, height, preserveAspectRatio: 'none', class: 'bar-of-life', 'aria-hidden': 'true', focusable: 'false' }, ...bars, ...attempts),
    h('ol', { class: 'phases', 'aria-label': 'Statuses in their order, with how long each lasted' }, phases.map(({ status, fromMs, toMs, open }) => {
      const { label, tone } = STATUSES[status];
      const isEnd = deletion.final && fromMs === toMs;
      return h('li', { class: tone }, toneIcon(tone), h('strong', {}, label), isEnd ? '' : ` ${durationWords(toMs - fromMs)}${open ? ' so far' : ''}`);
    })));
}

/**
 * Every step, the first first: when, what, why, by whom, and how long after the one before.
 * @param {Deletion} deletion
 */
export function historyList(deletion) {
  return h('ol', { class: 'steps' }, stepsOf(deletion).map(({ at, what, status, attempt, cause, by, reason, sinceMs }) => {
    const { tone, label } = STATUSES[status];
    return h('li', { class: tone },
      h('div', { class: 'step-head' }, toneIcon(tone), h('strong', {}, stepTitle(what)), h('span', { class: 'quiet' }, moment(at), sinceMs === null ? null : ` · ${durationWords(sinceMs)} later`)),
      h('p', {}, cause),
      by === null && reason === null ? null : h('p', { class: 'by' }, by === null ? null : ['By ', id(by)].flat(), reason === null ? null : [by === null ? 'Because: ' : ', because: ', h('q', {}, reason)]),
      h('p', { class: 'quiet small' }, `${label}${attempt > 0 ? `, attempt ${attempt}` : ''}`));
  }));
}
