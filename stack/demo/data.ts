import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Database } from '../../store/database.js';
import { serviceOwner, tenantOwner, TENANTS, userOwner, USERS, type CastService, type Holding } from './cast.js';

/** Rows and files by owner. */
export type Holdings = ReadonlyMap<string, Holding>;

/** The application's data that is erased: tables in a schema of their own, and folders of files. */
export interface DemoData {
  /** Makes the tables and files anew; what an earlier demo left is taken away. */
  fill(): Promise<void>;
  /** Counts what is there now, row by row and file by file. */
  count(): Promise<Holdings>;
  /** @param refusals so many deletions of rows of this mailbox fail, each with an error of PostgreSQL's own */
  refuseMailbox(instanceId: string, refusals: number): Promise<void>;
}

/** Folder of a tenant's own files, beside those of its instances. */
const ACCOUNT_FOLDER = '_account';

const TABLES = `
DROP SCHEMA IF EXISTS expunge_demo CASCADE;
CREATE SCHEMA expunge_demo;
CREATE TABLE expunge_demo.user_profiles (user_id text PRIMARY KEY, display_name text NOT NULL);
CREATE TABLE expunge_demo.user_posts (author_id text NOT NULL, n int NOT NULL, body text NOT NULL, PRIMARY KEY (author_id, n));
CREATE TABLE expunge_demo.service_records (tenant_id text NOT NULL, instance_id text NOT NULL, n int NOT NULL, body text NOT NULL, PRIMARY KEY (tenant_id, instance_id, n));
CREATE TABLE expunge_demo.mailboxes (tenant_id text NOT NULL, instance_id text NOT NULL, n int NOT NULL, address text NOT NULL, PRIMARY KEY (tenant_id, instance_id, n));
CREATE TABLE expunge_demo.tenant_settings (tenant_id text NOT NULL, n int NOT NULL, value text NOT NULL, PRIMARY KEY (tenant_id, n));
`;

// A sequence does not roll back with the deletion that is refused: the count holds.
const REFUSAL = `
CREATE SEQUENCE expunge_demo.refused;
CREATE TABLE expunge_demo.locked_mailbox (instance_id text PRIMARY KEY, refusals int NOT NULL);
CREATE FUNCTION expunge_demo.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM expunge_demo.locked_mailbox l WHERE l.instance_id = OLD.instance_id)
     AND nextval('expunge_demo.refused') <= (SELECT l.refusals FROM expunge_demo.locked_mailbox l WHERE l.instance_id = OLD.instance_id) THEN
    RAISE EXCEPTION 'the mailbox store of % is locked by a backup', OLD.instance_id;
  END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER refuse BEFORE DELETE ON expunge_demo.mailboxes FOR EACH ROW EXECUTE FUNCTION expunge_demo.refuse();
`;

const COUNT = `
SELECT owner, count(*)::int AS rows FROM (
  SELECT user_id AS owner FROM expunge_demo.user_profiles
  UNION ALL SELECT author_id FROM expunge_demo.user_posts
  UNION ALL SELECT tenant_id || '/' || instance_id FROM expunge_demo.service_records
  UNION ALL SELECT tenant_id || '/' || instance_id FROM expunge_demo.mailboxes
  UNION ALL SELECT 'tenant ' || tenant_id FROM expunge_demo.tenant_settings
) owned GROUP BY owner`;

/** @param filesUrl the `file:` address that the erasers' object store has */
export function openDemoData(database: Database, filesUrl: string): DemoData {
  const folder = fileURLToPath(filesUrl);
  return {
    fill: async () => {
      await database.script(TABLES);
      await database.script(REFUSAL);
      await Promise.all([rm(join(folder, 'users'), { recursive: true, force: true }), rm(join(folder, 'tenants'), { recursive: true, force: true })]);
      for (const { userId, rows, files } of USERS) {
        await database.rows('INSERT INTO expunge_demo.user_profiles VALUES ($1, $2)', [userId, `Profile of ${userId}`]);
        await database.rows(`INSERT INTO expunge_demo.user_posts SELECT $1, n, 'post ' || n FROM generate_series(1, $2::int) n`, [userId, rows - 1]);
        await writeFiles(join(folder, 'users', userId), 'photo', 'jpg', files);
      }
      for (const { tenantId, services, account } of TENANTS) {
        await database.rows(`INSERT INTO expunge_demo.tenant_settings SELECT $1, n, 'setting ' || n FROM generate_series(1, $2::int) n`, [tenantId, account.rows]);
        await writeFiles(join(folder, 'tenants', tenantId, ACCOUNT_FOLDER), 'invoice', 'pdf', account.files);
        for (const service of services) {
          await insertService(database, tenantId, service);
          await writeFiles(join(folder, 'tenants', tenantId, service.instanceId), 'object', 'bin', service.files);
        }
      }
    },
    count: async () => {
      const rows = await database.rows<{ owner: string; rows: number }>(COUNT);
      const files = await countFiles(folder);
      const owners = new Set([...rows.map(({ owner }) => owner), ...files.keys()]);
      const rowsOf = new Map(rows.map((row) => [row.owner, row.rows]));
      return new Map([...owners].map((owner) => [owner, { rows: rowsOf.get(owner) ?? 0, files: files.get(owner) ?? 0 }]));
    },
    refuseMailbox: async (instanceId, refusals) => {
      await database.rows('INSERT INTO expunge_demo.locked_mailbox VALUES ($1, $2)', [instanceId, refusals]);
    },
  };
}

async function insertService(database: Database, tenantId: string, { instanceId, type, rows }: CastService): Promise<void> {
  const [table, body] = type === 'email' ? ['mailboxes', `'box-' || n || '@example.com'`] : ['service_records', `'record ' || n`];
  await database.rows(`INSERT INTO expunge_demo.${table} SELECT $1, $2, n, ${body} FROM generate_series(1, $3::int) n`, [tenantId, instanceId, rows]);
}

async function writeFiles(folder: string, name: string, extension: string, count: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  await Promise.all(Array.from({ length: count }, (_, n) => writeFile(join(folder, `${name}-${n + 1}.${extension}`), `${name} ${n + 1}\n`)));
}

async function countFiles(folder: string): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const owner = ownerOf(join(entry.parentPath, entry.name).slice(folder.length).split(/[\\/]/).filter((part) => part !== ''));
    counts.set(owner, (counts.get(owner) ?? 0) + 1);
  }
  return counts;
}

/** Who a file belongs to, by its place below the folder. */
function ownerOf([kind = '', first = '', second = '']: readonly string[]): string {
  if (kind === 'users') return userOwner(first);
  if (kind === 'tenants') return second === ACCOUNT_FOLDER ? tenantOwner(first) : serviceOwner(first, second);
  return `a file of nobody: ${kind}`;
}
