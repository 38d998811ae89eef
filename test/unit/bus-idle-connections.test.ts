import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { quietenIdleConnections } from '../../bus/idle-connections.js';

const RequestQueue = quietenIdleConnections();
beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A queue that sends two requests at once, and keeps the numbers of those that went out. */
function aQueue() {
  const sent: number[] = [];
  const queue = new RequestQueue({ maxInFlightRequests: 2, requestTimeout: 1000, clientId: 'test', broker: 'a:1', logger: { debug: () => undefined } });
  return {
    queue, sent,
    push: (correlationId: number) => queue.push({ entry: { correlationId, resolve: () => undefined }, expectResponse: true, sendRequest: () => sent.push(correlationId) }),
    answer: (correlationId: number) => queue.fulfillRequest({ correlationId, payload: null, size: 0 }),
  };
}

describe('a connection to Kafka', () => {
  it('sets no timer while no request waits to be sent', () => {
    const { push, answer, sent } = aQueue();
    for (const id of [1, 2]) push(id);
    for (const id of [1, 2]) answer(id);
    expect(sent).toEqual([1, 2]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('sends what waits for others when one of them has its answer', () => {
    const { push, answer, sent } = aQueue();
    for (const id of [1, 2, 3]) push(id);
    expect(sent).toEqual([1, 2]);
    answer(2);
    expect(sent).toEqual([1, 2, 3]);
  });

  it('sends what waits for the end of a pause when the pause is over, and then is quiet', () => {
    const { queue, push, answer, sent } = aQueue();
    queue.maybeThrottle(300);
    push(1);
    vi.advanceTimersByTime(250);
    expect(sent).toEqual([]);
    vi.advanceTimersByTime(100);
    expect(sent).toEqual([1]);
    answer(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('takes a pause that is set while a request waits', () => {
    const { queue, push, answer, sent } = aQueue();
    for (const id of [1, 2, 3]) push(id);
    queue.maybeThrottle(300);
    answer(1);
    expect(sent).toEqual([1, 2]);
    vi.advanceTimersByTime(350);
    expect(sent).toEqual([1, 2, 3]);
  });

  it('is quietened once, however often that is asked for', () => {
    const mended = RequestQueue.prototype.scheduleCheckPendingRequests;
    quietenIdleConnections();
    expect(RequestQueue.prototype.scheduleCheckPendingRequests).toBe(mended);
  });
});
