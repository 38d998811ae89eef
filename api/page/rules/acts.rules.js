// @ts-check

/** @typedef {import('../../../contracts/api/deletions.js').DeletionAnswer} Deletion */
/** @typedef {import('../../../contracts/api/me.js').ApiRole} Role */
/** @typedef {'retry' | 'hold' | 'release' | 'cancel'} Act */

/**
 * How an act is put to a person.
 * @type {Readonly<Record<Act, { verb: string, about: string, done: string, needsReason: boolean, grave: boolean }>>}
 */
export const ACTS = {
  retry: { verb: 'Retry', about: 'Another attempt is made now. What earlier attempts still have running may not erase any more.', done: 'Retried', needsReason: false, grave: false },
  hold: { verb: 'Hold', about: 'It stops before its next trigger, and stays there until it is released. What runs in Airflow runs on.', done: 'Held', needsReason: false, grave: false },
  release: { verb: 'Release', about: 'It goes on from where it was held.', done: 'Released', needsReason: false, grave: false },
  cancel: { verb: 'Cancel', about: 'The request is withdrawn. When no other request for the same is left, nothing more is erased. This cannot be undone.', done: 'Cancelled', needsReason: true, grave: true },
};

/**
 * The acts that make sense for a deletion and are open to a role, the likeliest first. The workflow may still refuse: it alone knows.
 * @param {Pick<Deletion, 'status' | 'attempt' | 'outcome' | 'history'>} deletion
 * @param {Role} role
 * @returns {Act[]}
 */
export function actsFor({ status, attempt, outcome, history }, role) {
  if (role === 'viewer') return [];
  const holding = isHeld(history) ? /** @type {const} */ ('release') : /** @type {const} */ ('hold');
  switch (status) {
    case 'PENDING':
      // Between two attempts it need not wait.
      return attempt > 0 ? ['retry', holding, 'cancel'] : [holding, 'cancel'];
    case 'ON_HOLD':
      return ['release', 'cancel'];
    case 'SENT_TO_AIRFLOW':
      return [holding];
    case 'FAILED':
    case 'TIMEOUT':
      return ['retry', holding, 'cancel'];
    case 'DUPLICATE':
      return outcome === null ? ['cancel'] : [];
    case 'COMPLETED':
    case 'CANCELLED':
      return [];
  }
}

/** @param {Deletion['history']} history */
function isHeld(history) {
  return history.findLast(({ what }) => what === 'held' || what === 'released')?.what === 'held';
}
