import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

/** The rows and files that erasers.yaml says are erased. */
export interface ErasableData {
  /** Two posts, a profile and a file of a user. */
  addUser(userId: string): Promise<void>;
  /** A stored object, as row and file, of a tenant's service. */
  addService(tenantId: string, instanceId: string): Promise<void>;
  /** A mailbox of a tenant's mail service. */
  addMailbox(tenantId: string, instanceId: string): Promise<void>;
  /** Settings and a file of a tenant itself. */
  addTenant(tenantId: string): Promise<void>;
  /** What is left, as `posts 2`, `profiles 1`, `users/u-1/photo.jpg`; sorted. */
  ofUser(userId: string): Promise<string[]>;
  ofService(tenantId: string, instanceId: string): Promise<string[]>;
  /** Everything of a tenant, its services included. */
  ofTenant(tenantId: string): Promise<string[]>;
  close(): Promise<void>;
}

const TABLES = `
  CREATE TABLE IF NOT EXISTS posts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, author_id text NOT NULL, body text NOT NULL);
  CREATE TABLE IF NOT EXISTS profiles (user_id text PRIMARY KEY, name text NOT NULL);
  CREATE TABLE IF NOT EXISTS storage_objects (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id text NOT NULL, instance_id text NOT NULL, path text NOT NULL);
  CREATE TABLE IF NOT EXISTS mailboxes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id text NOT NULL, instance_id text NOT NULL, address text NOT NULL);
  CREATE TABLE IF NOT EXISTS tenant_settings (tenant_id text PRIMARY KEY, colour text NOT NULL);`;

/** Opens the application's database and folder, and makes the tables. */
export async function openErasableData({ databaseUrl, filesUrl }: { readonly databaseUrl: string; readonly filesUrl: string }): Promise<ErasableData> {
  const root = fileURLToPath(filesUrl);
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 4 });
  // A connection that breaks while nobody uses it is made anew; a query on one that breaks is rejected.
  pool.on('error', () => undefined);
  await pool.query(TABLES);

  const addFile = async (folder: string, name: string): Promise<void> => {
    await mkdir(join(root, folder), { recursive: true });
    await writeFile(join(root, folder, name), 'content');
  };
  const files = async (folder: string): Promise<string[]> => {
    try {
      const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(root.length).replace(/^\//, ''));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  };
  const rows = async (table: string, where: Record<string, string>): Promise<string[]> => {
    const columns = Object.keys(where).map((column, n) => `${column} = $${n + 1}`);
    const { rows: [found] } = await pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table} WHERE ${columns.join(' AND ')}`, Object.values(where));
    return found && found.n > 0 ? [`${table} ${found.n}`] : [];
  };
  const all = async (...parts: Promise<string[]>[]): Promise<string[]> => (await Promise.all(parts)).flat().sort();

  return {
    addUser: async (userId) => {
      await pool.query('INSERT INTO posts (author_id, body) VALUES ($1, $2), ($1, $2)', [userId, 'hello']);
      await pool.query('INSERT INTO profiles (user_id, name) VALUES ($1, $2)', [userId, 'somebody']);
      await addFile(`users/${userId}`, 'photo.jpg');
    },
    addService: async (tenantId, instanceId) => {
      await pool.query('INSERT INTO storage_objects (tenant_id, instance_id, path) VALUES ($1, $2, $3)', [tenantId, instanceId, '/a']);
      await addFile(`tenants/${tenantId}/${instanceId}`, 'object.bin');
    },
    addMailbox: async (tenantId, instanceId) => {
      await pool.query('INSERT INTO mailboxes (tenant_id, instance_id, address) VALUES ($1, $2, $3)', [tenantId, instanceId, 'box']);
    },
    addTenant: async (tenantId) => {
      await pool.query('INSERT INTO tenant_settings (tenant_id, colour) VALUES ($1, $2)', [tenantId, 'blue']);
      await addFile(`tenants/${tenantId}`, 'logo.svg');
    },
    ofUser: (userId) => all(rows('posts', { author_id: userId }), rows('profiles', { user_id: userId }), files(`users/${userId}`)),
    ofService: (tenant_id, instance_id) =>
      all(rows('storage_objects', { tenant_id, instance_id }), rows('mailboxes', { tenant_id, instance_id }), files(`tenants/${tenant_id}/${instance_id}`)),
    ofTenant: (tenant_id) =>
      all(rows('tenant_settings', { tenant_id }), rows('storage_objects', { tenant_id }), rows('mailboxes', { tenant_id }), files(`tenants/${tenant_id}`)),
    close: async () => {
      await pool.end();
    },
  };
}
