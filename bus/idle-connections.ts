import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';

let areQuiet = false;

/**
 * From its first answer on, a connection of kafkajs 2.2.4 looks a thousand times a second whether a request is pending, which takes
 * a consumer half of what it takes at rest (tulios/kafkajs#1556; its pull request 1667 was never merged). Here it looks
 * when one is.
 * @returns the queues of all connections
 * @see docs/decisions/0017-idle-connections-set-no-timers.md
 */
export function quietenIdleConnections(): typeof RequestQueue {
  if (areQuiet) return RequestQueue;
  areQuiet = true;
  const { prototype } = RequestQueue;
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function () {
    // What cannot go at once is pending before this is called, so nothing is forgotten.
    if (this.pending.length > 0) schedule.call(this);
  };
  return RequestQueue;
}
