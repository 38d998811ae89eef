import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { StackSecrets } from './parts.js';

const secretsFile = z.object({
  postgresPassword: z.string().min(16),
  airflowPassword: z.string().min(16),
  subjectPepper: z.string().min(32),
});

const random = (): string => randomBytes(24).toString('base64url');

/** The stack's own passwords and pepper: made on the first run, kept in the stack's folder for the next. */
export async function keepSecrets(dir: string): Promise<StackSecrets> {
  const path = join(dir, 'secrets.json');
  const kept = await readFile(path, 'utf8').catch(() => undefined);
  if (kept !== undefined) return secretsFile.parse(JSON.parse(kept));
  const made = { postgresPassword: random(), airflowPassword: random(), subjectPepper: random() };
  await mkdir(dir, { recursive: true });
  await writeFile(path, `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600 });
  return made;
}
