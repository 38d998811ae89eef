import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { keepLaneLeases, type LaneLeases } from '../../bridges/relay/lane-leases.js';
import { startRelay } from '../../bridges/relay/role.js';
import { createSender, RelayOutage, type SenderOptions } from '../../bridges/relay/sender.js';
import { kafkaTransport, signalTransport, type Transport } from '../../bridges/relay/transports.js';
import { SIGNALS, taskQueueFor, TOPICS, verificationWorkflowId } from '../../contracts/names/index.js';
import { createMetrics } from '../../platform/metrics.js';
import type { Transaction } from '../../store/database.js';
import { recheckTenant } from '../../store/inventory/service-events.js';
import { writeMessages } from '../../store/ledger/flush.js';
import type { OutboxMessage } from '../../store/ledger/rows.js';
import { listDead, markSent, outboxStats, purgeSent, requeueDead, type UnsentRow } from '../../store/outbox.js';
import { openBridgeHouse, until, type BridgeHouse, type Watched } from '../support/bridges.js';
import { freshId, receiveRequest, userSubject } from '../support/deletions.js';

let house: BridgeHouse;
let watched: Watched;
const EVENTS = 'nova.deletion.events';

let counter = 0;
const kafkaRow = (requestId: string, destination: string = EVENTS, body = '{}'): OutboxMessage => {
  const eventId = `${requestId}/test/${++counter}`;
  return { eventId, requestId, target: 'kafka', destination, key: requestId, headers: { event_id: eventId, event_type: 'test' }, body };
};
const signalRow = (requestId: string, workflowId: string): OutboxMessage => ({ eventId: `${requestId}/signal/${++counter}`, requestId, target: 'signal', destination: SIGNALS.recheck, key: workflowId, headers: {}, body: '{}' });
const write = (...rows: OutboxMessage[]) =>
  house.database.transaction((tx) => {
    writeMessages(tx, rows);
    return Promise.resolve();
  });
const unsent = async (requestId?: string) => (await house.database.rows<{ eventId: string }>('SELECT event_id FROM outbox WHERE sent_at IS NULL AND request_id = coalesce($1, request_id) ORDER BY id', [requestId ?? null])).map(({ eventId }) => eventId);
const seenOf = (requestId: string) => watched.seen.filter(({ key }) => key === requestId).map(({ headers }) => headers['event_id']);

const ALL_LANES = Array.from({ length: 16 }, (_, lane) => lane);
const allLanes: Pick<LaneLeases, 'using' | 'holds'> = { using: (work) => work(ALL_LANES), holds: () => true };
const senderWith = (more: Partial<SenderOptions>) =>
  createSender({ target: 'kafka', database: house.database, leases: allLanes, transport: kafkaTransport(house.producer), batch: 100, mostRetries: 5, refusalBackoffMs: 1, onSent: () => undefined, metrics: createMetrics(), log: house.log, ...more });
const go = (send: ReturnType<typeof createSender>) => send(new AbortController().signal);

beforeAll(async () => {
  house = await openBridgeHouse(['relay']);
  watched = await house.watch(EVENTS, TOPICS.notifications);
});
beforeEach(() => house.database.rows('TRUNCATE outbox'));
afterAll(() => house.close());

describe('a sender', () => {
  test('sends the rows of a request in their order, over topics', async () => {
    const requests = Array.from({ length: 20 }, () => freshId('req'));
    const rows = requests.flatMap((requestId) => [kafkaRow(requestId), kafkaRow(requestId, TOPICS.notifications), kafkaRow(requestId)]);
    await write(...rows);
    const calls: UnsentRow[][] = [];
    const through = kafkaTransport(house.producer);
    await go(senderWith({ transport: (sent) => { calls.push([...sent]); return through(sent); } }));
    // As few calls as the order allows: one for each turn.
    expect(calls.map((call) => call.length)).toEqual([20, 20, 20]);
    await until('all have arrived', () => requests.every((requestId) => seenOf(requestId).length === 3));
    expect(await unsent()).toEqual([]);
  });

  test('holds back only the request whose row is refused, until the row is dead', async () => {
    const [bad, good] = [freshId('req'), freshId('req')];
    const rows = [kafkaRow(bad, 'no.such.topic'), kafkaRow(bad), kafkaRow(good)];
    await write(...rows);
    const send = senderWith({});
    await go(send);
    await until('the other request went', () => seenOf(good).length === 1);
    await until('the row is dead', async () => { await go(send); return (await outboxStats(house.database)).dead === 1; });
    await go(senderWith({}));
    expect(await unsent()).toEqual([rows[0]!.eventId, rows[1]!.eventId]);
    const [dead] = await listDead(house.database);
    expect(dead).toMatchObject({ eventId: rows[0]!.eventId, refusals: 6, destination: 'no.such.topic' });
    expect(dead?.lastError).toContain('expunge setup');
    expect(house.logged.some((line) => line.includes('"level":"error"') && line.includes(bad))).toBe(true);
  });

  test('sends a dead row again once it is requeued, and what it held back after it', async () => {
    const requestId = freshId('req');
    const rows = [kafkaRow(requestId), kafkaRow(requestId)];
    await write(...rows);
    const refusing: Transport = (sent) => Promise.resolve(sent.map(() => ({ outcome: 'refused', why: 'MESSAGE_TOO_LARGE' })));
    const send = senderWith({ transport: refusing });
    await until('the row is dead', async () => { await go(send); return (await outboxStats(house.database)).dead === 1; });
    const [dead] = await listDead(house.database);
    expect(await requeueDead(house.database, [dead!.id + 1_000])).toEqual([]);
    expect(await requeueDead(house.database, 'all')).toEqual([dead!.id]);
    await go(senderWith({}));
    await until('both have arrived', () => seenOf(requestId).length === 2);
    expect(seenOf(requestId)).toEqual(rows.map(({ eventId }) => eventId));
  });

  test('counts an outage against nothing, and tries the same rows again', async () => {
    const requestId = freshId('req');
    await write(kafkaRow(requestId), kafkaRow(requestId));
    const out: Transport = (sent) => Promise.resolve(sent.map(() => ({ outcome: 'outage', error: new Error('down') })));
    for (let i = 0; i < 7; i++) await expect(go(senderWith({ transport: out }))).rejects.toThrow(RelayOutage);
    expect(await outboxStats(house.database)).toMatchObject({ unsent: 2, dead: 0 });
    await go(senderWith({}));
    expect(await unsent()).toEqual([]);
  });

  test('sends nothing of a lane that was lost on the way', async () => {
    const requestId = freshId('req');
    await write(kafkaRow(requestId), kafkaRow(requestId));
    let held = true;
    const through = kafkaTransport(house.producer);
    await go(senderWith({ leases: { using: allLanes.using, holds: () => held }, transport: (rows) => { held = false; return through(rows); } }));
    expect(await unsent(requestId)).toHaveLength(1);
  });

  test('lets rows to Kafka go while Temporal is out, except behind a signal of their own request', async () => {
    const [mixed, plain] = [freshId('req'), freshId('req')];
    const rows = [kafkaRow(mixed), signalRow(mixed, 'user-deletion/nobody'), kafkaRow(mixed), kafkaRow(plain)];
    await write(...rows);
    const out: Transport = (sent) => Promise.resolve(sent.map(() => ({ outcome: 'outage', error: new Error('down') })));
    await expect(go(senderWith({ target: 'signal', transport: out }))).resolves.toBeUndefined();
    await go(senderWith({}));
    await expect(go(senderWith({ target: 'signal', transport: out }))).rejects.toThrow(RelayOutage);
    await go(senderWith({}));
    await until('what may go has arrived', () => seenOf(plain).length === 1 && seenOf(mixed).length === 1);
    expect(await unsent()).toEqual([rows[1]!.eventId, rows[2]!.eventId]);
    await go(senderWith({ target: 'signal', transport: signalTransport(house.client) }));
    await go(senderWith({}));
    expect(await unsent()).toEqual([]);
  });
});

describe('signals', () => {
  const signals = () => senderWith({ target: 'signal', transport: signalTransport(house.client) });
  const signalNames = async (workflowId: string) => {
    const { events } = await house.client.workflow.getHandle(workflowId).fetchHistory();
    return (events ?? []).flatMap((event) => event.workflowExecutionSignaledEventAttributes?.signalName ?? []);
  };

  test('reach a workflow that runs; for one that does not there is nothing to do', async () => {
    const workflowId = `service-deletion/${freshId('tenant')}/srv`;
    await house.client.workflow.start('serviceDeletion', { workflowId, taskQueue: taskQueueFor('nobody'), args: [] });
    await write(signalRow(freshId('req'), workflowId), signalRow(freshId('req'), `${workflowId}-gone`));
    await go(signals());
    expect(await signalNames(workflowId)).toEqual(['recheck']);
    expect(await unsent()).toEqual([]);
  });

  test('start the workflow of a tenant, and reach the one that runs', async () => {
    const tenantId = freshId('tenant');
    await write(recheckTenant(tenantId, freshId('cause')), recheckTenant(tenantId, freshId('cause')));
    await go(signals());
    const handle = house.client.workflow.getHandle(`tenant/${tenantId}`);
    expect(await signalNames(`tenant/${tenantId}`)).toEqual(['recheck', 'recheck']);
    const description = await handle.describe();
    expect(description).toMatchObject({ type: 'tenant', taskQueue: 'expunge' });
    expect(description.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value])).toEqual([['TenantId', tenantId]]);
  });

  test('start the workflow of a verification, and one that has ended once more', async () => {
    const requestId = freshId('req');
    const workflowId = verificationWorkflowId(requestId);
    const row = (): OutboxMessage => ({ ...signalRow(workflowId, workflowId), body: JSON.stringify({ requestId, lane: 'default' }) });
    await write(row());
    await go(signals());
    const handle = house.client.workflow.getHandle(workflowId);
    const description = await handle.describe();
    expect(description).toMatchObject({ type: 'verification', taskQueue: 'expunge' });
    expect(description.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value])).toEqual([['RequestId', requestId]]);
    await handle.terminate();
    await write(row());
    await go(signals());
    expect((await handle.describe()).status.name).toBe('RUNNING');
    await handle.terminate();
  });

  test('that join a deletion start it when there is none, and reach the one that runs', async () => {
    const subject = userSubject();
    const [one, other] = [await receiveRequest(house.database, { subject }), await receiveRequest(house.database, { subject })];
    const joinRow = ({ input, workflowId }: typeof one): OutboxMessage => ({ ...signalRow(input.requestId, workflowId), destination: SIGNALS.join, body: JSON.stringify({ input }) });
    await write(joinRow(one), joinRow(other));
    await go(signals());
    const handle = house.client.workflow.getHandle(one.workflowId);
    expect(await handle.describe()).toMatchObject({ type: 'userDeletion', taskQueue: 'expunge' });
    expect(await signalNames(one.workflowId)).toEqual(['join', 'join']);
    await handle.terminate();
  });

  test('that cannot be read are refused, and hold up nobody else', async () => {
    const workflowId = verificationWorkflowId(freshId('req'));
    const [bad, tenantId] = [{ ...signalRow(freshId('req'), workflowId), body: '{' }, freshId('tenant')];
    await write(bad, recheckTenant(tenantId, freshId('cause')));
    await go(signals());
    expect(await signalNames(`tenant/${tenantId}`)).toEqual(['recheck']);
    await house.database.rows('DELETE FROM outbox WHERE request_id = $1', [bad.requestId]);
  });
});

describe('leases', () => {
  const keep = (holder: string, ttlMs = 1_200) => keepLaneLeases({ database: house.database, holder, ttlMs, log: house.log, onGain: () => undefined });
  const lanesOf = (leases: LaneLeases) => leases.using((lanes) => Promise.resolve(lanes.length));

  test('are shared by relays that come later, and taken over from one that is gone', async () => {
    const first = keep('first');
    await until('the first has all', async () => (await lanesOf(first)) === 16);
    const second = keep('second');
    await until('both have their share', async () => (await lanesOf(first)) === 8 && (await lanesOf(second)) === 8);
    await second.stop();
    await until('the first has all again', async () => (await lanesOf(first)) === 16);
    await first.stop();
  });

  test('of a relay that died without a word run out', async () => {
    await house.database.rows(`UPDATE outbox_lanes SET holder = 'dead', held_until = now() + interval '1 second'`);
    const heir = keep('heir');
    await until('the heir has all', async () => (await lanesOf(heir)) === 16);
    await heir.stop();
  });

  test('are not given up while rows of theirs are being sent', async () => {
    const busy = keep('busy');
    await until('it has all', async () => (await lanesOf(busy)) === 16);
    let finish: () => void = () => undefined;
    const working = busy.using(() => new Promise<void>((resolve) => (finish = resolve)));
    const other = keep('other');
    await until('the other was announced', async () => (await house.database.rows(`SELECT FROM outbox_relays WHERE holder = 'other'`)).length === 1);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await lanesOf(other)).toBe(0);
    expect(busy.holds(0)).toBe(true);
    finish();
    await working;
    await until('it has been shared', async () => (await lanesOf(other)) === 8);
    await Promise.all([busy.stop(), other.stop()]);
  });

  test('that cannot be renewed are not used any longer', async () => {
    let down = false;
    const database = { ...house.database, transaction: <T>(work: (tx: Transaction) => Promise<T>): Promise<T> => (down ? Promise.reject(new Error('down')) : house.database.transaction(work)) } ;
    const leases = keepLaneLeases({ database, holder: 'cut off', ttlMs: 800, log: house.log, onGain: () => undefined });
    await until('it has all', async () => (await lanesOf(leases)) === 16);
    down = true;
    await until('they are out of use', () => !leases.holds(0) && !leases.healthy());
    expect(await lanesOf(leases)).toBe(0);
    down = false;
    await until('they are back', async () => (await lanesOf(leases)) === 16);
    await leases.stop();
  });
});

describe('the relay', () => {
  test('sends rows when they are written, by two relays each once, and gives its lanes back', async () => {
    // No poll comes to their help: what is sent was called out, or waited for what was.
    const config = { ...house.config, outbox: { ...house.config.outbox, pollMs: 600_000 } };
    const metrics = createMetrics();
    const relays = await Promise.all([startRelay(house.deps({ config, metrics })), startRelay(house.deps({ config, metrics: createMetrics() }))]);
    await until('both run', async () => (await relays[0].ready()) && (await relays[1].ready()));
    const requests = Array.from({ length: 150 }, () => freshId('req'));
    await until('lanes are held', async () => (await house.database.rows('SELECT FROM outbox_lanes WHERE held_until > now()')).length === 16);
    await write(...requests.flatMap((requestId) => [kafkaRow(requestId), kafkaRow(requestId), signalRow(requestId, 'user-deletion/nobody'), kafkaRow(requestId)]));
    await until('all are sent', async () => (await unsent()).length === 0);
    await until('all have arrived', () => requests.every((requestId) => seenOf(requestId).length === 3));
    for (const requestId of requests) expect(seenOf(requestId)).toEqual([...seenOf(requestId)].sort((a, b) => Number(a?.split('/').at(-1)) - Number(b?.split('/').at(-1))));
    const stoppingAt = Date.now();
    await Promise.all(relays.map((relay) => relay.stop()));
    expect(Date.now() - stoppingAt).toBeLessThan(5_000);
    expect(await house.database.rows('SELECT FROM outbox_lanes WHERE holder IS NOT NULL')).toEqual([]);
  });

  test('sends to Kafka while Temporal cannot be reached at all', async () => {
    const { config } = house;
    const relay = await startRelay(house.deps({ config: { ...config, temporal: { ...config.temporal, connection: { address: '127.0.0.1:1' } } } }));
    const requestId = freshId('req');
    await write(kafkaRow(requestId));
    await until('it has arrived', () => seenOf(requestId).length === 1);
    const stoppingAt = Date.now();
    await relay.stop();
    expect(Date.now() - stoppingAt).toBeLessThan(3_000);
  });

  test('goes on when its connections to PostgreSQL are cut', async () => {
    const relay = await startRelay(house.deps());
    await until('it holds lanes', () => relay.ready());
    await house.database.rows(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'expunge-relay%' AND datname = current_database()`);
    const requestId = freshId('req');
    await write(kafkaRow(requestId));
    await until('it has arrived', () => seenOf(requestId).length === 1);
    await until('it is woken again', async () => (await house.database.rows(`SELECT FROM pg_stat_activity WHERE application_name = 'expunge-relay listen' AND datname = current_database()`)).length === 1);
    await relay.stop();
  });
});

test('sent rows are purged after a while, and no others', async () => {
  const [old, fresh, waiting] = [kafkaRow(freshId('req')), kafkaRow(freshId('req')), kafkaRow(freshId('req'))];
  await write(old, fresh, waiting);
  const ids = await house.database.rows<{ id: number }>('SELECT id FROM outbox ORDER BY id LIMIT 2');
  await markSent(house.database, ids.map(({ id }) => id));
  await house.database.rows(`UPDATE outbox SET sent_at = now() - interval '2 days' WHERE event_id = $1`, [old.eventId]);
  expect(await purgeSent(house.database, 24 * 3_600_000)).toBe(1);
  expect(await house.database.rows<{ eventId: string }>('SELECT event_id FROM outbox ORDER BY id')).toEqual([{ eventId: fresh.eventId }, { eventId: waiting.eventId }]);
});
