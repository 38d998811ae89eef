import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase, type Database } from '../../store/database.js';
import { checkSchema, migrate, SchemaTooNew, SchemaTooOld } from '../../store/migrate.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { freshId, receiveRequest, serviceSubject, userSubject } from '../support/deletions.js';
import { atOnce } from '../support/store.js';

const names = readdirSync(new URL('../../store/migrations/', import.meta.url)).map((name) => name.replace(/\.sql$/, '')).sort();

describe('migrations', () => {
  let testDatabase: TestDatabase;
  let pools: Database[];
  beforeAll(async () => {
    testDatabase = await createTestDatabase();
    pools = Array.from({ length: 8 }, () => openDatabase({ url: testDatabase.databaseUrl, poolSize: 2 }));
  });
  afterAll(async () => {
    await Promise.all(pools.map((pool) => pool.close()));
    await testDatabase.drop();
  });
  const first = () => pools[0]!;

  test('of a database that has none are asked for', async () => {
    await expect(checkSchema(first())).rejects.toThrow(SchemaTooOld);
    await expect(checkSchema(first())).rejects.toThrow(`the database is at schema 0, this version needs ${names.length}: run "expunge setup" first`);
  });

  test('that eight processes run at once are applied once each, in their order', async () => {
    const done = await atOnce(8, (index) => migrate(pools[index]!));
    expect(done.flat()).toEqual(names);
    expect(done.filter((applied) => applied.length > 0)).toHaveLength(1);
    const rows = await first().rows<{ version: number; name: string }>('SELECT version, name FROM schema_migrations ORDER BY version');
    expect(rows).toEqual(names.map((name, index) => ({ version: index + 1, name })));
    await Promise.all(pools.map((pool) => checkSchema(pool)));
    expect(await migrate(first())).toEqual([]);
  });

  test('that are missing, or more than this version knows, stop it', async () => {
    await first().rows('INSERT INTO schema_migrations (version, name) VALUES (9999, $1)', ['9999_of_tomorrow']);
    await expect(checkSchema(first())).rejects.toThrow(SchemaTooNew);
    await expect(migrate(first())).rejects.toThrow(SchemaTooNew);
    await first().rows('DELETE FROM schema_migrations WHERE version >= $1', [names.length]);
    await expect(checkSchema(first())).rejects.toThrow(SchemaTooOld);
    await first().rows('INSERT INTO schema_migrations (version, name) VALUES ($1, $2)', [names.length, names.at(-1)]);
    await checkSchema(first());
  });

  test('leave a timeline that is only ever added to', async () => {
    const { input } = await receiveRequest(first(), { subject: userSubject() });
    const lines = () => first().rows('SELECT what, cause FROM timeline WHERE request_id = $1', [input.requestId]);
    const before = await lines();
    expect(before).toHaveLength(1);
    await expect(first().rows(`UPDATE timeline SET cause = 'another' WHERE request_id = $1`, [input.requestId])).rejects.toThrow('append-only');
    await expect(first().rows('DELETE FROM timeline WHERE request_id = $1', [input.requestId])).rejects.toThrow('append-only');
    expect(await lines()).toEqual(before);
  });

  const columnsOf = async (view: string) =>
    (await first().rows<{ columnName: string }>('SELECT column_name FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position', [view])).map(({ columnName }) => columnName);

  test('make the tables of the source documents readable, column by column', async () => {
    expect(await columnsOf('deletion_requests')).toEqual([
      'request_id', 'user_id', 'source_service', 'trace_id', 'airflow_job_id', 'status', 'error_message', 'created_at', 'finished_at', 'duration_ms',
    ]);
    expect(await columnsOf('service_deletion_requests')).toEqual([
      'request_id', 'tenant_id', 'service_instance_id', 'service_type', 'trace_id', 'airflow_job_id', 'status', 'retry_count', 'created_at', 'updated_at',
      'finished_at', 'duration_ms', 'failure_reason',
    ]);
  });

  test('show users in the one, services in the other, and tenants in none', async () => {
    const user = await receiveRequest(first(), { subject: userSubject(), userId: 'u-1' });
    const service = await receiveRequest(first(), { subject: serviceSubject(freshId('tenant'), 'db') });
    const of = (view: string, { input }: typeof user) => first().rows(`SELECT * FROM ${view} WHERE request_id = $1`, [input.requestId]);
    expect(await of('deletion_requests', user)).toMatchObject([{ userId: 'u-1', status: 'PENDING', airflowJobId: null, finishedAt: null }]);
    expect(await of('service_deletion_requests', user)).toEqual([]);
    expect(await of('deletion_requests', service)).toEqual([]);
    expect(await of('service_deletion_requests', service)).toMatchObject([{ serviceInstanceId: 'db', status: 'PENDING', retryCount: 0 }]);
  });
});
