import { describe, expect, test } from 'vitest';
import { DELETION_EVENT_TYPES, deletionEvent as schema } from '../../contracts/topics/deletion-events.js';
import { deletionEvent } from '../../store/ledger/outgoing.js';
import { aDeletion } from '../support/ledger-rows.js';

const { input } = aDeletion();
const event = (jobId: string | null, eventType: (typeof DELETION_EVENT_TYPES)[number] = 'deletion.requested') =>
  deletionEvent('nova', { requestId: 'req-1', n: 1, eventType, input, status: 'PENDING', attempt: 0, jobId, occurredAt: new Date('2026-02-11T10:00:00Z') });

describe('an event of a deletion', () => {
  test.each(DELETION_EVENT_TYPES)('is as its contract has it, before and after there is a job: %s', (eventType) => {
    for (const jobId of [null, 'del_req_req-1']) {
      const { body, headers } = event(jobId, eventType);
      const value = JSON.parse(body) as Record<string, unknown>;
      expect(schema.parse(value)).toEqual(value);
      expect(headers).toEqual({ event_type: eventType, event_id: value['eventId'] });
    }
  });

  test('names no job while there is none', () => {
    expect(JSON.parse(event(null).body)).not.toHaveProperty('jobId');
    expect(JSON.parse(event('del_req_req-1').body)).toHaveProperty('jobId', 'del_req_req-1');
  });
});
