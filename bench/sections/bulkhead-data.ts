import { openDatabase } from '../../store/database.js';
import type { Requests } from '../load/requests.js';

const TABLES = `
  CREATE TABLE IF NOT EXISTS mailboxes (tenant_id text NOT NULL, instance_id text NOT NULL);
  CREATE TABLE IF NOT EXISTS hadoop_blocks (tenant_id text NOT NULL, instance_id text NOT NULL, seconds double precision NOT NULL);
  CREATE OR REPLACE FUNCTION takes_long() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM pg_sleep(OLD.seconds);
    RETURN OLD;
  END $$;
  CREATE OR REPLACE TRIGGER takes_long BEFORE DELETE ON hadoop_blocks FOR EACH ROW EXECUTE FUNCTION takes_long();`;

/** Gives each service a row to erase, in the database that the erasers of bench/erasers.yaml see; that of a Hadoop cluster takes `seconds`. */
export async function addErasable(databaseUrl: string, table: 'mailboxes' | 'hadoop_blocks', { tenantIds, requests }: Requests, seconds: number): Promise<void> {
  const database = openDatabase({ url: databaseUrl, poolSize: 1, applicationName: 'bench' });
  try {
    await database.script(TABLES);
    const instances = Math.ceil(requests.length / tenantIds.length);
    await database.rows(
      `INSERT INTO ${table} (tenant_id, instance_id${table === 'hadoop_blocks' ? ', seconds' : ''})
       SELECT tenant_id, 'service-' || n${table === 'hadoop_blocks' ? ', $3::float' : ''} FROM unnest($1::text[]) AS tenant_id, generate_series(0, $2::int - 1) AS n`,
      [tenantIds, instances, ...(table === 'hadoop_blocks' ? [seconds] : [])],
    );
  } finally {
    await database.close();
  }
}
