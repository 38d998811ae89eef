// @ts-check
import { ApiProblem } from '../api.js';
import { facts, h, id, moment, momentOrNone, outerLink, section } from '../dom.js';
import { askForAct } from '../parts/act-dialog.js';
import { historyList, lifePicture } from '../parts/life.js';
import { flags, pill, statusPill } from '../parts/status.js';
import { deletionLink, tenantLink, wideTable } from '../parts/tables.js';
import { poll } from '../poll.js';
import { ACTS, actsFor } from '../rules/acts.rules.js';
import { countWords, durationWords, FAILURES, STATUSES, subjectWords } from '../rules/words.rules.js';

/** @typedef {import('../rules/words.rules.js').Deletion} Deletion */
/** @typedef {import('../rules/acts.rules.js').Act} Act */

/**
 * One deletion: what is the matter, what can be done, its life, its attempts, what was found. Looked at again while it is not over.
 * @param {import('./view.js').Context} context
 * @param {string} requestId
 * @returns {Promise<import('./view.js').View>}
 */
export async function deletionView({ api, me, say, signedOut }, requestId) {
  const path = `deletions/${encodeURIComponent(requestId)}`;
  const read = async () => /** @type {Deletion} */ (await api.get(path));
  let deletion = await read();
  let seen = JSON.stringify(deletion);
  const body = h('div', { class: 'stack' });
  const stale = h('p', { class: 'fault', role: 'status' });

  const act = (/** @type {Act} */ name) => askForAct({
    act: name, deletion, onSignedOut: signedOut,
    send: async (reason) => /** @type {{ message: string }} */ (await api.post(`${path}/${name}`, reason === '' ? {} : { reason })).message,
    onDone: (message) => {
      say(`${ACTS[name].done}: ${message}.`);
      look.hurry();
      (document.getElementById(`act-${name}`) ?? heading).focus();
    },
  });
  const heading = h('h1', { tabindex: -1 }, `Deletion of ${subjectWords(deletion)}`);
  const draw = () => {
    const focused = document.activeElement instanceof HTMLElement && body.contains(document.activeElement) ? document.activeElement.id : '';
    body.replaceChildren(...partsOf(deletion, me.role, act));
    if (focused !== '') (document.getElementById(focused) ?? heading).focus();
  };
  draw();

  const look = poll(async () => {
    try {
      const found = await read();
      const text = JSON.stringify(found);
      const moved = text !== seen;
      stale.textContent = '';
      if (moved) {
        if (found.status !== deletion.status) say(`Now: ${STATUSES[found.status].label}.`);
        deletion = found;
        seen = text;
        draw();
      }
      return isOver(found) ? 'over' : moved ? 'moved' : 'same';
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      if (error.status === 401) {
        signedOut(error);
        return 'over';
      }
      stale.textContent = `What is shown may be old: ${error.message} It is tried again.`;
      return 'same';
    }
  });
  if (isOver(deletion)) look.stop();
  return { title: `${STATUSES[deletion.status].label}: ${subjectWords(deletion)}`, content: [heading, stale, body], close: look.stop };
}

/** Whether nothing of it changes any more: what is left of a user may be stated for a while after the end. @param {Deletion} deletion */
const isOver = ({ final, status, outcome, verification }) => final && (status !== 'DUPLICATE' || outcome !== null) && verification?.status !== 'PENDING';

/** @param {Deletion} deletion @param {import('../../../contracts/api/me.js').ApiRole} role @param {(act: Act) => void} act */
function partsOf(deletion, role, act) {
  const acts = actsFor(deletion, role);
  return [
    h('p', { class: 'pills' }, statusPill(deletion.status), flags(deletion), deletion.gdprMode && h('span', { class: 'pill off', title: 'Asked for in GDPR mode' }, 'GDPR')),
    what(deletion),
    acts.length > 0 && h('div', { class: 'buttons acts', role: 'group', 'aria-label': 'What you can do' }, acts.map((name) => h('button', { type: 'button', id: `act-${name}`, class: ACTS[name].grave ? 'grave' : name === 'retry' || name === 'release' ? 'strong' : null, onclick: () => { act(name); } }, `${ACTS[name].verb} …`))),
    section('Its life', lifePicture(deletion, Date.now())),
    section('The request', about(deletion)),
    section('History', historyList(deletion)),
    deletion.attempts.length > 0 && section('Attempts', attemptTable(deletion)),
    left(deletion),
    linked(deletion),
  ].filter((part) => part !== false && part !== null);
}

/** What is the matter now, and what helps. @param {Deletion} deletion */
function what(deletion) {
  const { status, failure, parked, duplicateOf, outcome } = deletion;
  if (failure === null) return h('p', { class: 'lead' }, STATUSES[status].about, status === 'DUPLICATE' && duplicateOf !== null && [' It joined ', deletionLink(duplicateOf), outcome === null ? ', which is under way.' : `, which is ${STATUSES[outcome].label.toLowerCase()}.`]);
  const { title, remedy } = FAILURES[failure.code];
  const said = deletion.attempts.at(-1)?.failure?.message ?? '';
  return h('section', { class: parked ? 'why' : 'why past', 'aria-labelledby': 'why' },
    h('h2', { id: 'why' }, parked ? `Why it is parked: ${title.charAt(0).toLowerCase()}${title.slice(1)}` : title),
    failure.message !== '' && h('p', {}, failure.message),
    said !== '' && said !== failure.message && [h('p', { class: 'said' }, 'Airflow said:'), h('pre', { tabindex: 0 }, said)],
    h('p', {}, parked && h('strong', {}, 'What to do: '), parked && remedy, failure.code === 'DEPENDENCY_BLOCKED' && 'tenantId' in deletion && [' See ', tenantLink(deletion.tenantId), '.']),
    h('p', { class: 'quiet small' }, 'Code ', id(failure.code)));
}

/** @param {Deletion} deletion */
function about(deletion) {
  const { timeline: { received, completed, duration_ms: took } } = deletion;
  return facts([
    ['Request', id(deletion.requestId)],
    ['User', deletion.kind === 'user' ? id(deletion.userId) : null],
    ['Tenant', deletion.kind === 'user' ? null : tenantLink(deletion.tenantId)],
    ['Service', deletion.kind === 'service' ? [id(deletion.serviceInstanceId), `, ${deletion.serviceType}`] : null],
    ['Emptying', deletion.kind === 'tenant' && deletion.emptying !== null ? deletion.emptying : null],
    ['Asked for by', deletion.requestedBy === null ? null : id(deletion.requestedBy)],
    ['Came through', deletion.source],
    ['Reason', deletion.reason],
    ['Received', moment(received)],
    [STATUSES[deletion.status].label, completed === null ? null : moment(completed)],
    ['Took', took === null ? null : durationWords(took)],
    ['Due', deletion.final ? null : moment(deletion.dueAt)],
    ['Attempt', deletion.attempt === 0 ? 'none yet' : deletion.attempt],
    ['Airflow run', deletion.airflow_ref === null ? null : id(deletion.airflow_ref)],
    ['Airflow counted', deletion.counts === null ? null : countWords(deletion.counts)],
    ['Trace', id(deletion.traceId)],
    ['Workflow', [id(deletion.workflowId), deletion.links.temporal !== undefined && [' ', outerLink(deletion.links.temporal, 'Open in Temporal')]].flat()],
  ]);
}

/** @param {Deletion} deletion */
function attemptTable({ attempts }) {
  return wideTable('Attempts', ['#', 'Job', 'Because', 'Sent', 'Result', 'What came of it'], attempts.map((attempt) => [
    attempt.attempt,
    [id(attempt.jobId), h('div', { class: 'under' }, `${attempt.dagId}, lane ${attempt.lane}`)],
    attempt.cause,
    [moment(attempt.sentAt), h('div', { class: 'under' }, attempt.postedAt === null ? 'not taken by Airflow yet' : ['taken by Airflow ', durationWords(Date.parse(attempt.postedAt) - Date.parse(attempt.sentAt)), ' later'].join(''))],
    [h('span', { class: 'pills' }, resultPill(attempt), attempt.revoked && pill('off', 'Revoked', attempt.revoked.why ?? '')), h('div', { class: 'under' }, momentOrNone(attempt.resultAt ?? attempt.timedOutAt))],
    [attempt.counts !== null && countWords(attempt.counts), attempt.failure !== null && [id(attempt.failure.code), ' ', attempt.failure.message ?? ''], attempt.revoked !== null && h('div', { class: 'under' }, `Revoked: ${attempt.revoked.why ?? 'no reason kept'}`)].flat(),
  ]));
}

/** @param {Deletion['attempts'][number]} attempt */
function resultPill({ result, timedOutAt, revoked }) {
  if (result === 'SUCCESS') return pill('good', 'Success');
  if (result === 'FAILURE') return pill('bad', 'Failure');
  if (timedOutAt !== null) return pill('bad', 'Timed out');
  return revoked === null ? pill('busy', 'Awaited') : null;
}

/** What was known of a user, and what is left. @param {Deletion} deletion */
function left({ expected, verification }) {
  if (expected === null && verification === null) return null;
  const kinds = [...new Set([expected, verification?.residual, verification?.unverifiable].flatMap((counts) => Object.keys(counts ?? {})))].sort();
  const count = (/** @type {Readonly<Record<string, number>> | null | undefined} */ counts, /** @type {string} */ kind) => counts?.[kind] ?? (counts ? 0 : '–');
  return section('What was there, and what is left',
    verification !== null && h('p', { class: 'pills' }, pill(...VERDICTS[verification.status]), h('span', { class: 'quiet' }, verification.statedAt === null ? ['stated by ', moment(verification.deadlineAt), ' at the latest'] : ['stated ', moment(verification.statedAt)])),
    kinds.length === 0 ? h('p', { class: 'quiet' }, 'Nothing was known to exist.') : wideTable('What was there, and what is left, by kind', ['Kind', 'Before', 'Left', 'Cannot be told'],
      kinds.map((kind) => [kind, count(expected, kind), count(verification?.residual, kind), count(verification?.unverifiable, kind)])));
}

/** @type {Readonly<Record<NonNullable<Deletion['verification']>['status'], readonly [import('../rules/words.rules.js').Tone, string, string]>>} */
const VERDICTS = {
  PENDING: ['wait', 'Being verified', 'By the events that followed'],
  CLEAN: ['good', 'Nothing is left', 'Of what was known to exist'],
  RESIDUAL: ['bad', 'Something is left', 'What existed at the completion does so still'],
  UNVERIFIABLE: ['hold', 'Cannot be told', 'Of something no event tells whether it is gone'],
  NOTHING_KNOWN: ['off', 'Nothing was known', 'The index had never heard of the user, so there was nothing to verify'],
};

/** @param {Deletion} deletion */
function linked({ joined, linkedTo, again }) {
  if (joined.length === 0 && linkedTo === null && again === null) return null;
  return section('Other requests',
    joined.length > 0 && [h('p', {}, 'These joined it and share its outcome:'), h('ul', { class: 'plain' }, joined.map((requestId) => h('li', {}, deletionLink(requestId))))],
    linkedTo !== null && h('p', {}, 'It follows ', deletionLink(linkedTo), ', after which something was left.'),
    again !== null && h('p', {}, 'Something was left: ', deletionLink(again), ' follows it.'));
}
