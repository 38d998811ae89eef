import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deletionAnswer } from '../../contracts/api/deletions.js';
import { airflowResults, airflowTriggers, deletionEvents, notifications, tenantLifecycleEvents } from '../../contracts/topics/index.js';
import { header, type Json } from '../support/recorder.js';
import { openHouse, type House } from '../support/house.js';
import { lifecycleOf, notificationsOf, provision, triggersOf, whenStatus } from '../support/house-scenes.js';
import { waitFor } from '../support/wait-for.js';

interface Sample {
  readonly topic: string;
  readonly key: string;
  readonly headers: Record<string, string>;
  readonly value: Json;
}

const sample = (file: string): Sample => JSON.parse(readFileSync(new URL(`../samples/${file}.json`, import.meta.url), 'utf8')) as Sample;
/** As the documents print it, with line breaks and indentation. */
const printed = ({ topic, key, headers, value }: Sample) => ({ topic, key, headers, value: Buffer.from(JSON.stringify(value, null, 2)) });
const fields = (value: Json): string[] => Object.keys(value).sort();

let house: House;
beforeAll(async () => {
  house = await openHouse({ env: { LOG_LEVEL: 'debug' } });
});
afterAll(() => house.close());

describe('the messages of the source documents', () => {
  test('a user: erased, answered for and told of as the documents have it', async () => {
    await house.data.addUser('user_888');
    await house.data.addUser('user_8888');
    await house.send(printed(sample('users.deletion.request')));
    const answer = await whenStatus(house, 'uuid-1234', 'COMPLETED');

    expect(await house.data.ofUser('user_888')).toEqual([]);
    expect(await house.data.ofUser('user_8888')).toEqual(['posts 2', 'profiles 1', 'users/user_8888/photo.jpg']);

    const { traceId, jobId, payload } = sample('airflow.pipeline.trigger.user').value as { traceId: string; jobId: string; payload: Json };
    const [trigger, ...more] = triggersOf(house, 'uuid-1234');
    expect(more).toEqual([]);
    expect(airflowTriggers.airflowTrigger.parse(trigger)).toMatchObject({ traceId, jobId, payload });
    const [result] = await waitFor('the result is seen', () => some(house.bus.values('airflow.pipeline.result', (value) => value['jobId'] === jobId)));
    expect(fields(result!)).toEqual(expect.arrayContaining(fields(sample('airflow.pipeline.result.success').value)));
    expect(airflowResults.airflowResult.parse(result)).toMatchObject({ status: 'SUCCESS', metadata: { files_deleted: 1, db_rows_purged: 3 }, error: null });

    expect(deletionAnswer.parse(answer)).toMatchObject({ requestId: 'uuid-1234', userId: 'user_888', status: 'COMPLETED', airflow_ref: jobId, counts: { files_deleted: 1, db_rows_purged: 3 } });
    const { received, completed, duration_ms } = answer['timeline'] as { received: string; completed: string; duration_ms: number };
    expect(duration_ms).toBeGreaterThan(0);
    expect(Date.parse(completed) - Date.parse(received)).toBe(duration_ms);

    const notified = await waitFor('the notification is sent', () => some(notificationsOf(house, 'uuid-1234')));
    expect(notified).toHaveLength(1);
    expect(notifications.notification.parse(notified[0])).toMatchObject({ kind: 'user', userId: 'user_888', status: 'COMPLETED', message: `Deletion processed in ${duration_ms}ms`, durationMs: duration_ms, traceId });
  });

  test('a service: only this instance of this tenant is erased, and told of in the fields of the samples', async () => {
    await house.data.addService('tenant-12345', 'srv-abc-001');
    await house.data.addService('tenant-12345', 'srv-abc-0010');
    await house.data.addService('tenant-123456', 'srv-abc-001');
    const provisioned = sample('tenant.service.events');
    await house.send(printed(provisioned));
    await provision(house, 'tenant-12345', { 'srv-abc-001': [] });
    const request = sample('tenant.service.deletion.request');
    await house.send(printed(request));
    const requestId = 'trace-uuid-999_srv-abc-001';
    const answer = await whenStatus(house, requestId, 'COMPLETED');

    expect(await house.data.ofService('tenant-12345', 'srv-abc-001')).toEqual([]);
    expect(await house.data.ofService('tenant-12345', 'srv-abc-0010')).toHaveLength(2);
    expect(await house.data.ofService('tenant-123456', 'srv-abc-001')).toHaveLength(2);

    const expected = sample('airflow.pipeline.trigger.service').value;
    const [trigger] = triggersOf(house, requestId);
    expect(trigger).toMatchObject(expected);
    expect(deletionAnswer.parse(answer)).toMatchObject({ requestId, tenantId: 'tenant-12345', serviceType: 'cloud-storage', serviceInstanceId: 'srv-abc-001', requestedBy: 'admin-user-uuid', gdprMode: false });

    const likeSample = async (file: string, find: () => Json[], schema: { parse(value: unknown): unknown }): Promise<Json> => {
      const [found] = await waitFor(`${file} is seen`, () => some(find()));
      expect(fields(found!)).toEqual(fields(sample(file).value));
      schema.parse(found);
      return found!;
    };
    const notified = await likeSample('notifications.send', () => notificationsOf(house, requestId), notifications.notification);
    expect(notified).toMatchObject({ notificationId: `${requestId}/notification/1`, tenantId: 'tenant-12345', status: 'COMPLETED', failureCode: null, traceId: 'trace-uuid-999' });
    const sent = await likeSample('deletion.events', () => house.bus.values('nova.deletion.events', (value) => value['requestId'] === requestId && value['eventType'] === 'deletion.sent_to_airflow'), deletionEvents.deletionEvent);
    expect(sent).toMatchObject({ status: 'SENT_TO_AIRFLOW', attempt: 1, jobId: `del_req_${requestId}` });
    const message = house.bus.messages('notifications.send').find(({ value }) => value?.includes(requestId));
    expect(message?.key?.toString()).toBe('tenant-12345');
    expect(header(message!, 'event_type')).toBe('deletion.completed');
    expect(header(message!, 'event_id')).toBe(notified['notificationId']);

    expect(lifecycleOf(house, 'tenant-12345')).toEqual([]); // srv-app-001 is still there
    await house.send({ ...printed(provisioned), headers: { event_type: 'service.deprovisioned' }, value: Buffer.from(JSON.stringify({ ...provisioned.value, eventId: 'evt-prov-2', eventType: 'service.deprovisioned', timestamp: new Date().toISOString() })) });
    const empty = await likeSample('tenant.lifecycle.events', () => lifecycleOf(house, 'tenant-12345'), tenantLifecycleEvents.tenantLifecycleEvent);
    expect(empty).toMatchObject({ eventType: 'TENANT_EMPTY', tenantId: 'tenant-12345', emptying: 1, gdprMode: false, traceId: 'trace-uuid-999' });
  });

  test('nothing that Temporal keeps names the user', async () => {
    const [row] = await house.ledger.rows<{ workflowId: string }>("SELECT workflow_id FROM deletions WHERE request_id = 'uuid-1234'");
    const handle = house.temporal.workflow.getHandle(row!.workflowId);
    const kept = `${readable(await handle.fetchHistory())}${readable(await handle.describe())}`;
    expect(kept).toContain('uuid-1234');
    expect(kept).not.toContain('user_888');
  });

  test('neither do logs, at their most talkative, nor metrics', async () => {
    const logs = await house.logs();
    expect(logs).toContain('uuid-1234');
    expect(logs).toContain('"level":"debug"');
    expect(logs).not.toContain('user_888');
    const metrics = await (await fetch(`${house.env['EXPUNGE_API_URL'] ?? ''}/metrics`)).text();
    expect(metrics).toMatch(/expunge_deletions_ended_total\{.*kind="user".*\} 1/);
    expect(metrics).not.toMatch(/user_888|uuid-1234/);
  });
});

/** As JSON, with the payloads decoded. */
const readable = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? Number(part) : part)).replaceAll(/"data":"([^"]*)"/g, (_, data: string) => Buffer.from(data, 'base64').toString());

function some<T>(list: T[]): T[] | undefined {
  return list.length > 0 ? list : undefined;
}
