import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';

let areQuiet = false;

/**
 * From its first answer on, a connection of kafkajs 2.2.4 looks a thousand times a second whether a request is pending, which takes
 * a process some 5 % of a core while nothing happens (tulios/kafkajs#1556; its pull request 1667 was never merged). Here it looks
 * when one is.
 * @see docs/decisions/0017-idle-connections-are-quiet.md
 */
export function quietenIdleConnections(): void {
  if (areQuiet) return;
  areQuiet = true;
  const { prototype } = RequestQueue;
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function () {
    // What cannot go at once is pending before this is called, so nothing is forgotten.
    if (this.pending.length > 0) schedule.call(this);
  };
}
