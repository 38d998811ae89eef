import { readFileSync } from 'node:fs';
import type { OutgoingRecord } from '../../bus/messages.js';
import { serviceRequest, userRequest } from '../../client/request-messages.rules.js';
import { tenantRequestId, TOPICS } from '../../contracts/names/index.js';
import { parseServiceDeletionRequest, parseUserDeletionRequest, type MessageFaultCode } from '../../contracts/topics/index.js';
import { serviceOwner, tenantOwner, userOwner } from './cast.js';

/** A deletion that the demo asks for, or that follows from what it asks for. */
export interface DeletionCase {
  readonly kind: 'deletion';
  readonly title: string;
  /** Whose data it erases; also what it is shown as. */
  readonly owner: string;
  readonly requestId: string;
  readonly attempts: number;
}

/** A message that cannot be handled, and has to be kept with its reason. */
export interface MalformedCase {
  readonly kind: 'malformed';
  readonly title: string;
  /** What it is shown as. */
  readonly owner: string;
  readonly record: OutgoingRecord;
  /** The class of fault that it has to be kept under. */
  readonly faultCode: MessageFaultCode;
}

export type DemoCase = DeletionCase | MalformedCase;

/** What the demo sends, and what has to come of it. */
export interface Script {
  readonly cases: readonly DemoCase[];
  /** Sent first, in this order. */
  readonly opening: readonly OutgoingRecord[];
  /** Sent again, byte for byte, at once and once more when its deletion has ended. */
  readonly redelivered: OutgoingRecord;
  /** Sent once the database was refused for its sake. */
  readonly app: OutgoingRecord;
  readonly requests: { readonly redelivered: string; readonly database: string; readonly app: string; readonly failsOnce: string; readonly cleanUp: string };
  readonly erasedTenant: string;
}

const seedBytes = (topic: string): Buffer => readFileSync(new URL(`./messages/${topic}.json`, import.meta.url));

/** Makes the messages. The seeds' own samples go out byte for byte as they are in messages/. */
export function writeScript(now: Date): Script {
  const seedUser = { topic: TOPICS.userDeletionRequest, key: 'user_888', value: seedBytes(TOPICS.userDeletionRequest) };
  const seedService = { topic: TOPICS.serviceDeletionRequest, key: 'tenant-12345', value: seedBytes(TOPICS.serviceDeletionRequest) };
  const user = parseUserDeletionRequest({ key: Buffer.from(seedUser.key), value: seedUser.value });
  const service = parseServiceDeletionRequest({ key: Buffer.from(seedService.key), value: seedService.value });

  const makings = (traceId: string) => ({ now, newIds: { eventId: `${traceId}-event`, traceId, spanId: '00f067aa0ba902b7' } });
  const ofService = (tenantId: string, serviceInstanceId: string, serviceType: string, gdprMode: boolean) =>
    serviceRequest({ tenantId, serviceInstanceId, serviceType, gdprMode, requestedBy: 'admin@demo' }, makings(`demo-${tenantId}`));
  const twice = userRequest({ userId: 'user_777', reason: 'account_closed', source: 'account-service' }, makings('demo-again'));
  const database = ofService('acme', 'shop-db', 'database', false);
  const app = ofService('acme', 'shop-app', 'app', false);
  const mail = ofService('acme', 'shop-mail', 'email', false);
  const globex = (['app', 'db', 'files'] as const).map((name) => ({
    name, message: ofService('globex', `crm-${name}`, { app: 'app', db: 'database', files: 'cloud-storage' }[name], true),
  }));
  // With the key of a good message, so that it lies before it in the same partition.
  const notJson: OutgoingRecord = { topic: TOPICS.userDeletionRequest, key: 'user_777', value: '{"eventId": "uuid-1235", "payload": {"userId": "user_777"' };
  const badId: OutgoingRecord = {
    topic: TOPICS.serviceDeletionRequest,
    key: 'tenant-1',
    value: JSON.stringify({
      traceId: 'demo-bad-id', key: 'tenant-1',
      payload: { tenantId: 'tenant-1', serviceType: 'cloud-storage', serviceInstanceId: '../tenant-12345/srv-abc-002', requestedBy: 'admin@demo', timestamp: now.toISOString(), gdprMode: false },
    }),
  };

  const deletion = (title: string, owner: string, requestId: string, attempts = 1): DeletionCase => ({ kind: 'deletion', title, owner, requestId, attempts });
  const cleanUp = tenantRequestId('globex', 1);
  const titles = { app: 'a whole tenant, GDPR', db: '  its database', files: '  its files' };
  return {
    cases: [
      deletion("the seed's user", userOwner(user.payload.userId), user.eventId),
      deletion("the seed's service", serviceOwner(service.payload.tenantId, service.payload.serviceInstanceId), `${service.traceId}_${service.payload.serviceInstanceId}`),
      deletion('sent three times', userOwner('user_777'), twice.requestId),
      { kind: 'malformed', title: 'not JSON', owner: 'a user request', record: notJson, faultCode: 'NOT_JSON' },
      { kind: 'malformed', title: 'an id with ../ in it', owner: 'a service request', record: badId, faultCode: 'INVALID_FIELD' },
      deletion('a database in use', serviceOwner('acme', 'shop-db'), database.requestId),
      deletion('  the app that used it', serviceOwner('acme', 'shop-app'), app.requestId),
      deletion('a DAG that fails once', serviceOwner('acme', 'shop-mail'), mail.requestId, 2),
      ...globex.map(({ name, message }) => deletion(titles[name], serviceOwner('globex', `crm-${name}`), message.requestId)),
      deletion('  what is left of it', tenantOwner('globex'), cleanUp),
    ],
    opening: [notJson, badId, seedUser, seedService, twice.record, twice.record, database.record, mail.record, ...globex.map(({ message }) => message.record)],
    redelivered: twice.record,
    app: app.record,
    requests: { redelivered: twice.requestId, database: database.requestId, app: app.requestId, failsOnce: mail.requestId, cleanUp },
    erasedTenant: 'globex',
  };
}
