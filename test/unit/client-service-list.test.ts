import { describe, expect, it } from 'vitest';
import { provisionedEvents } from '../../client/service-events.rules.js';
import { readServiceList } from '../../client/services-file.rules.js';
import { parseServiceEvent } from '../../contracts/topics/index.js';

const app = { tenantId: 't-1', serviceType: 'app', serviceInstanceId: 's-app', dependsOn: ['s-db'] };
const db = { tenantId: 't-1', serviceType: 'database', serviceInstanceId: 's-db', dependsOn: [] };
const HEAD = 'tenantId,serviceType,serviceInstanceId,dependsOn,timestamp';
const faults = (text: string) => readServiceList(text).faults.map(({ line, text: said }) => `${line}: ${said}`);

describe('a list of services', () => {
  it.each([
    ['a JSON array', JSON.stringify([app, db], null, 2)],
    ['JSON objects, one a line', `${JSON.stringify(app)}\n\n${JSON.stringify(db)}\n`],
    ['JSON objects over several lines', `${JSON.stringify(app, null, 1)}\n${JSON.stringify(db, null, 1)}`],
    ['CSV', `${HEAD}\nt-1,app,s-app,s-db,\nt-1,database,s-db,,\n`],
    ['CSV from Windows, with a byte order mark, quotes and another order', `\uFEFFserviceInstanceId,tenantId,dependsOn,serviceType\r\n"s-app",t-1,"s-db; s-db",app\r\ns-db , t-1,,database\r\n`],
  ])('is read as %s', (_form, text) => {
    expect(readServiceList(text)).toEqual({ services: [app, db], faults: [] });
  });

  it('may say when each was so', () => {
    expect(readServiceList(`${HEAD}\nt,a,i,,2026-01-01T00:00:00+01:00`).services[0]?.timestamp).toBe('2026-01-01T00:00:00+01:00');
  });

  it('has all its faults told, each with its line', () => {
    expect(faults(`[\n${JSON.stringify(app)},\n{"tenantId": "t 1", "serviceType": "app",\n "serviceInstanceId": "x", "dependson": ["a"]},\n{"tenantId"},\n 7,\n${JSON.stringify(app)},\n${JSON.stringify({ ...db, dependsOn: ['s-db'], timestamp: 'yesterday' })}\n]`)).toEqual([
      expect.stringMatching(/^3: tenantId must be .*\(found "t 1"\)$/),
      expect.stringMatching(/^3: dependsOn is missing/),
      '3: unknown field "dependson": did you mean dependsOn?',
      expect.stringMatching(/^5: .*not JSON/),
      expect.stringMatching(/^6: .*number/),
      '7: lists t-1/s-app again; line 2 has it already',
      expect.stringMatching(/^8: timestamp must be .*\(found "yesterday"\)$/),
    ]);
    expect(faults(`${HEAD}\nt,a,i,\nt,a,i 2,,\n\nt,a,i3,i3,`)).toEqual([
      '2: has 4 fields where the header has 5',
      expect.stringMatching(/^3: serviceInstanceId must be .*found "i 2"/),
      '5: t/i3 depends on itself: it could never be deleted',
    ]);
  });

  it.each([
    ['', /^1: no service is listed$/], ['[]', /^1: no service is listed$/], [`${HEAD}\n`, /^1: no service is listed$/],
    [`[${JSON.stringify(app)}`, /^1: the list has no end/], [`[\n${JSON.stringify(app)},\n]`, /^3: a comma has nothing/], [`[${JSON.stringify(app)}]\n[]`, /^2: something follows/], [`[${JSON.stringify(app)}] x`, /^1: something follows/],
    ['{"tenantId": "t"', /^1: .*not JSON/], ['"', /^1: is not CSV/], ['tenant,type\nt,a', /^1: the header line lacks tenantId, serviceType, serviceInstanceId, dependsOn/],
    [`${HEAD}x\nt,a,i,,`, /^2: unknown field "timestampx": did you mean timestamp\?/], ['{"a":1,"a":2}', /^1: .*twice/], ['[[1]]', /^1: .*array/], ['[1]]', /something follows/],
  ])('%j is refused', (text, said) => {
    expect(faults(text)[0]).toMatch(said);
  });

  it('with a thousand lines is told where it is wrong', () => {
    const lines = Array.from({ length: 1_000 }, (_, i) => JSON.stringify({ ...db, serviceInstanceId: i === 776 ? 'a b' : `s-${i}` }));
    expect(faults(lines.join('\n'))).toEqual([expect.stringMatching(/^777: serviceInstanceId/)]);
    expect(faults(`[\n${lines.join(',\n')}\n]`)).toEqual([expect.stringMatching(/^778: serviceInstanceId/)]);
  });
});

describe('its events', () => {
  const [one, two] = provisionedEvents([app, { ...db, timestamp: '2026-01-01T00:00:00Z' }], '2026-02-02T00:00:00Z');

  it('are messages of the contract', () => {
    expect(one).toMatchObject({ topic: 'tenant.service.events', key: 't-1' });
    const event = parseServiceEvent({ key: Buffer.from(one!.key as string), value: Buffer.from(one!.value as string), headers: one!.headers });
    expect(event).toMatchObject({ ...app, eventType: 'service.provisioned', timestamp: '2026-02-02T00:00:00Z', eventId: one!.headers!['event_id'] });
    expect(JSON.parse(two!.value as string)).toMatchObject({ timestamp: '2026-01-01T00:00:00Z' });
  });

  it('have ids that follow from what they say, in whatever order it is said', () => {
    const id = (service: Parameters<typeof provisionedEvents>[0][number], asOf = '2026-02-02T00:00:00Z') => provisionedEvents([service], asOf)[0]!.headers!['event_id'];
    const several = { ...app, dependsOn: ['a', 'b'] };
    expect(id(several)).toBe(id({ ...app, dependsOn: ['b', 'a'] }));
    expect(new Set([id(app), id(several), id({ ...app, tenantId: 't-2' }), id(app, '2026-02-03T00:00:00Z')]).size).toBe(4);
  });
});
