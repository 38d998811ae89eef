import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serviceRequestId } from '../../contracts/names/index.js';
import { MESSAGE_FAULT_CODES } from '../../contracts/topics/index.js';
import { awkwardInputs, hostileInputs, INCOMING_TOPICS, type IncomingTopic, type TryInput } from '../support/hostile-inputs.js';
import { openHouse, type House } from '../support/house.js';
import { fresh, serviceEvent, serviceRequest, userRequest, whenAll } from '../support/house-scenes.js';
import { header, type Json } from '../support/recorder.js';
import { waitFor } from '../support/wait-for.js';

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

/** Names a message of this run, so that it is found again whatever is in it. */
const MARK = 'x-try';
const run = fresh('run');

interface Marked extends TryInput {
  readonly topic: IncomingTopic;
  readonly headers: Record<string, string>;
}
const marked = (topic: IncomingTopic, inputs: readonly TryInput[], kind: string): Marked[] =>
  inputs.map((input, index) => ({ ...input, topic, headers: { ...input.headers, [MARK]: `${run}/${kind}/${topic}/${index}` } }));
const sendAll = async (messages: readonly Marked[]): Promise<void> => {
  await house.send(...messages.map(({ topic, key, value, headers }) => ({ topic, key, value, headers })));
};
const letters = (topic: IncomingTopic) => new Map(house.bus.messages(`${topic}.dlq`).map((message) => [header(message, MARK), message]));
/** Gives a message made from the sample ids of its own, in its bytes, however they are written. */
const withIds = (input: TryInput, changes: readonly (readonly [string, string])[]): TryInput => {
  const changed = (bytes: Buffer | null): Buffer | null => bytes && Buffer.from(changes.reduce((text, [from, to]) => text.replaceAll(from, to), bytes.toString('latin1')), 'latin1');
  return { ...input, key: changed(input.key), value: changed(input.value) };
};
const isSame = (one: Buffer | null, other: Buffer | null): boolean => (one === null || other === null ? one === other : one.equals(other));
const valueOf = ({ value }: TryInput): Json => JSON.parse(value!.toString().replace(/^\uFEFF/, '')) as Json;

/** Mixes: one good message behind every third hostile one. */
function mixed<T>(hostile: readonly T[], good: readonly T[]): T[] {
  const rest = [...good];
  return [...hostile.flatMap((message, index) => (index % 3 === 2 && rest.length > 0 ? [message, rest.shift()!] : [message])), ...rest];
}

describe('messages that no producer should send', () => {
  const hostile = INCOMING_TOPICS.flatMap((topic) => marked(topic, hostileInputs(topic), 'hostile'));

  test('are of forty kinds and more on each topic', () => {
    for (const topic of INCOMING_TOPICS) expect(hostile.filter((message) => message.topic === topic).length).toBeGreaterThan(40);
  });

  test('are kept, each with its bytes, its key, its headers and a reason; every good one between them is handled', async () => {
    const users = Array.from({ length: 30 }, () => userRequest(fresh('user')));
    const services = Array.from({ length: 30 }, (_, n) => serviceRequest({ tenantId: 'tenant-12345', serviceInstanceId: `${run}-${n}` }));
    const events = Array.from({ length: 30 }, (_, n) => serviceEvent('service.provisioned', `tenant-${run}-${n}`, 's1'));
    const good = [...users, ...services, ...events].map(({ topic, key, value, headers = {} }, index): Marked => ({ name: 'good', topic: topic as IncomingTopic, key: Buffer.from(key), value: Buffer.from(JSON.stringify(value)), headers: { ...headers, [MARK]: `${run}/good/${index}` } }));
    for (const topic of INCOMING_TOPICS) await sendAll(mixed(hostile.filter((message) => message.topic === topic), good.filter((message) => message.topic === topic)));

    await whenAll(house, [...users, ...services].map(({ requestId }) => requestId), 'COMPLETED');
    await waitFor('the inventory has every good event', async () => {
      const [row] = await house.ledger.rows<{ n: number }>("SELECT count(*)::int AS n FROM services WHERE tenant_id LIKE $1 AND status = 'ACTIVE'", [`tenant-${run}-%`]);
      return row?.n === events.length;
    });
    for (const topic of INCOMING_TOPICS) {
      const sent = hostile.filter((message) => message.topic === topic);
      const missing = () => sent.filter(({ headers }) => !letters(topic).has(headers[MARK])).map(({ name }) => name);
      await waitFor(`${topic}.dlq has all that is hostile`, () => missing().length === 0, 30_000, missing);
      const kept = letters(topic);
      for (const { name, key, value, headers } of sent) {
        const letter = kept.get(headers[MARK])!;
        expect.soft(isSame(letter.value, value), `${topic}, ${name}: bytes`).toBe(true);
        expect.soft(isSame(letter.key, key), `${topic}, ${name}: key`).toBe(true);
        for (const [header_, text] of Object.entries(headers)) expect.soft(header(letter, header_), `${topic}, ${name}: header ${header_}`).toBe(text);
        expect.soft(MESSAGE_FAULT_CODES, `${topic}, ${name}`).toContain(header(letter, 'dlq-error-class'));
        expect.soft(header(letter, 'dlq-error-message'), `${topic}, ${name}`).toMatch(/\S/);
        expect.soft(header(letter, 'dlq-topic'), `${topic}, ${name}`).toBe(topic);
      }
      const marks = house.bus.messages(`${topic}.dlq`).map((message) => header(message, MARK)).filter((mark) => mark?.startsWith(run));
      expect(marks).toHaveLength(sent.length);
    }
  });
});

describe('messages that look odd and are good', () => {
  const dead = (topic: IncomingTopic) => [...letters(topic).keys()].filter((mark) => mark?.startsWith(`${run}/awkward`));

  test('users.deletion.request: each is a deletion that completes', async () => {
    const inputs = awkwardInputs('users.deletion.request').map((input, n) => withIds(input, [['-1234"', `-${run}-${n}"`], ['user_888', `user_${run}_${n}`]]));
    const messages = marked('users.deletion.request', inputs, 'awkward');
    const ids = messages.map((message) => valueOf(message)['eventId'] as string);
    expect(new Set(ids).size).toBe(ids.length);
    await sendAll(messages);
    await whenAll(house, ids, 'COMPLETED');
    expect(dead('users.deletion.request')).toEqual([]);
  });

  test('tenant.service.deletion.request: each completes, or waits for an eraser of a type that nobody knows', async () => {
    const inputs = awkwardInputs('tenant.service.deletion.request').map((input, n) => withIds(input, [['-999"', `-999-${run}-${n}"`], ['tenant-12345', `tenant-${run}-a${n}`]]));
    const messages = marked('tenant.service.deletion.request', inputs, 'awkward');
    const asked = messages.map((message) => {
      const { traceId, payload } = valueOf(message) as { traceId: string; payload: { serviceType: string; serviceInstanceId: string } };
      return { id: serviceRequestId(traceId, payload.serviceInstanceId), known: payload.serviceType === 'cloud-storage' };
    });
    expect(new Set(asked.map(({ id }) => id)).size).toBe(asked.length);
    await sendAll(messages);
    await whenAll(house, asked.filter(({ known }) => known).map(({ id }) => id), 'COMPLETED');
    await whenAll(house, asked.filter(({ known }) => !known).map(({ id }) => id), 'FAILED');
    expect(dead('tenant.service.deletion.request')).toEqual([]);
  });

  test('tenant.service.events: each is in the inventory', async () => {
    const inputs = awkwardInputs('tenant.service.events').map((input, n) => withIds({ ...input, headers: { event_type: 'service.provisioned' } }, [['evt-prov-1"', `evt-${run}-${n}"`], ['tenant-12345', `tenant-${run}-e${n}`]]));
    const messages = marked('tenant.service.events', inputs, 'awkward');
    await sendAll(messages);
    const tenants = messages.map((message) => valueOf(message)['tenantId'] as string);
    await waitFor('the inventory has them', async () => {
      const rows = await house.ledger.rows("SELECT 1 FROM services WHERE tenant_id = ANY($1) AND status = 'ACTIVE'", [tenants]);
      return rows.length === tenants.length;
    });
    expect(dead('tenant.service.events')).toEqual([]);
  });

  test('airflow.pipeline.result and .trigger: each result is taken by its deletion; a trigger that comes again does nothing', async () => {
    const forJob = (topic: IncomingTopic) => awkwardInputs(topic).filter(({ name }) => !name.startsWith('jobId of 160')).map((input, n) => withIds(input, [['-999_srv', `-999-${run}-r${n}_srv`]]));
    const results = marked('airflow.pipeline.result', forJob('airflow.pipeline.result'), 'awkward');
    const triggers = marked('airflow.pipeline.trigger', forJob('airflow.pipeline.trigger'), 'awkward');
    const requests = results.map((_, n) => serviceRequest({ tenantId: `tenant-${run}-r${n}`, serviceInstanceId: 'srv-abc-001', traceId: `trace-uuid-999-${run}-r${n}` }));
    expect(triggers.length).toBeLessThanOrEqual(results.length);
    await house.airflow.turn('silent', { dag_id: 'service_cleanup_dag', end: 'running', times: null });
    await house.send(...requests);
    const ids = requests.map(({ requestId }) => requestId);
    await whenAll(house, ids, 'SENT_TO_AIRFLOW');
    await sendAll(results);
    await whenAll(house, ids, 'FAILED');

    const skipped = await house.roles.metric('expunge_triggers_handled_total', { outcome: 'skipped' });
    const { posts } = await house.airflow.stats();
    await sendAll(triggers);
    await waitFor('the triggers were skipped', async () => (await house.roles.metric('expunge_triggers_handled_total', { outcome: 'skipped' })) === skipped + triggers.length);
    expect((await house.airflow.stats()).posts).toBe(posts);
    expect([...dead('airflow.pipeline.result'), ...dead('airflow.pipeline.trigger')]).toEqual([]);
    await house.airflow.turn('reset', { runs: true });
  });

  test('whatever came, no log names a user, and nothing was taken for a fault of ours', async () => {
    const logs = await house.logs();
    expect(logs).not.toMatch(/user_888|jo\+news|@example\.org/);
    expect(logs).not.toContain(`user_${run}`);
    expect(logs).not.toMatch(/"level":"(warn|error|fatal)".*waits for an outage/);
  });
});
