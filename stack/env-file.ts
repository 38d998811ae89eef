import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

const PLAIN = /^[A-Za-z0-9_./:@%+,=~-]*$/;

/** `KEY=value` lines that a shell can source and `node --env-file` can read; anything unusual is quoted. */
export function envFileText(env: Readonly<Record<string, string>>): string {
  return Object.entries(env)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => {
      if (PLAIN.test(value)) return `${name}=${value}\n`;
      if (/['\n]/.test(value)) throw new Error(`${name} holds a quote or a line break, which an env file cannot carry.`);
      return `${name}='${value}'\n`;
    })
    .join('');
}

/** Writes the env file; only its owner may read it, for it holds the local stack's passwords. */
export async function writeEnvFile(path: string, env: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, envFileText(env), { mode: 0o600 });
  await chmod(path, 0o600);
}
