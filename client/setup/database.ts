import { openDatabase } from '../../store/database.js';
import { migrate, SchemaTooNew } from '../../store/migrate.js';
import type { Log } from '../../platform/log.js';
import { oncePossible, type SetupStep } from './steps.js';

/** SQLSTATE classes that waiting does not mend: authorisation, unknown database, no rights, what the migration itself says. */
const LASTING = /^(28|3D|42|0A|22|23)/;

/** Brings the database's schema up to this version. @throws ClientFault */
export async function setUpDatabase({ url, waitMs, log }: { readonly url: string; readonly waitMs: number; readonly log: Log }): Promise<SetupStep[]> {
  const { hostname, port, pathname } = new URL(url);
  const database = openDatabase({ url, poolSize: 1, applicationName: 'expunge setup', statementTimeoutMs: 10 * 60_000, onError: (error) => log.warn({ err: error }, 'a connection to PostgreSQL broke') });
  try {
    const made = await oncePossible(() => migrate(database), {
      what: `PostgreSQL at ${hostname}:${port || '5432'}${pathname} (DATABASE_URL)`, waitMs, log,
      refusal: (error) => {
        if (error instanceof SchemaTooNew) return error.message;
        const { code, message } = error as { code?: unknown; message?: string };
        return typeof code === 'string' && LASTING.test(code) && code.length === 5 ? `${message ?? 'refused'} (SQLSTATE ${code})` : undefined;
      },
    });
    return [{ part: 'postgres', what: 'schema', made }];
  } finally {
    await database.close();
  }
}
