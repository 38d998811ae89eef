import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';

const { prototype } = RequestQueue;
const asItComes = prototype.scheduleCheckPendingRequests;

function onlyWhatIsPending(this: RequestQueue): void {
  // What cannot go at once is pending before this is called, so nothing is forgotten.
  if (this.pending.length > 0) asItComes.call(this);
}

/**
 * From its first answer on, a connection of kafkajs 2.2.4 looks a thousand times a second whether a request is pending, which takes
 * a consumer half of what it takes at rest (tulios/kafkajs#1556; its pull request 1667 was never merged). Here it looks when one is.
 * @returns the queues of all connections
 * @see docs/decisions/0017-idle-connections-set-no-timers.md
 */
export function quietenIdleConnections(): typeof RequestQueue {
  prototype.scheduleCheckPendingRequests = onlyWhatIsPending;
  return RequestQueue;
}
