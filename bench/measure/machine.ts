import { execFile } from 'node:child_process';
import { cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Connection } from '@temporalio/client';
import { KAFKA_VERSION } from '../../stack/kafka.js';
import type { Database } from '../../store/database.js';

/** What a run was made with and on; nothing that names the machine. */
export interface Setting {
  readonly commit: string;
  readonly node: string;
  readonly temporal: string;
  /** Where it keeps what it must not forget. */
  readonly temporalKeeps: 'disk' | 'memory' | 'unknown';
  readonly kafka: string;
  readonly postgres: string;
  readonly cores: number;
  readonly processor: string;
  readonly memoryGiB: number;
  /** Processes that wanted a core, over the last minute, before the run. */
  readonly loadBefore: number;
  readonly startedAt: string;
}

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));

async function commit(): Promise<string> {
  try {
    const [head, changes] = await Promise.all([
      run('git', ['rev-parse', '--short', 'HEAD'], { cwd: root }),
      run('git', ['status', '--porcelain', '--untracked-files=no'], { cwd: root }),
    ]);
    return `${head.stdout.trim()}${changes.stdout.trim() === '' ? '' : ' with changes'}`;
  } catch {
    return 'unknown'; // not a clone
  }
}

/** Reads it from the parts themselves, as far as they tell. @param ours what is known of those that the stack started */
export async function describeSetting(database: Database, connection: Connection, ours: { readonly kafka: boolean; readonly temporal: 'disk' | 'memory' | undefined }): Promise<Setting> {
  const [{ serverVersion }, [postgres], head] = await Promise.all([
    connection.workflowService.getSystemInfo({}),
    database.rows<{ serverVersion: string }>('SHOW server_version'),
    commit(),
  ]);
  return {
    commit: head,
    node: process.versions.node,
    temporal: serverVersion,
    temporalKeeps: ours.temporal ?? 'unknown',
    kafka: ours.kafka ? KAFKA_VERSION : 'unknown',
    postgres: postgres?.serverVersion ?? 'unknown',
    cores: cpus().length,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    loadBefore: loadavg()[0] ?? 0,
    startedAt: new Date().toISOString(),
  };
}
