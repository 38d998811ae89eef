import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createTokenVerifier } from '../../api/access/token-verifier.js';
import { loadConfig } from '../../platform/config.js';
import { openTokenIssuer, tokenVariables } from '../../stack/tokens.js';
import { runProgram } from '../support/run-program.js';

const newFolder = () => mkdtempSync(join(tmpdir(), 'expunge-token-'));

test('a stack keeps its key for itself, and takes the tokens of earlier runs', async () => {
  const dir = newFolder();
  const variables = await tokenVariables(dir);
  expect(statSync(join(dir, 'token-key.json')).mode & 0o077).toBe(0);
  expect(readFileSync(join(dir, 'jwks.json'), 'utf8')).not.toContain('"d"');
  const { auth } = loadConfig(variables).api;
  const earlier = await (await openTokenIssuer(dir)).issue({ subject: 'ann', role: 'operator', tenants: ['t-1', 't-2'], expiresInMs: 60_000 });
  await tokenVariables(dir);
  const verify = createTokenVerifier(auth!);
  expect(await verify(earlier)).toEqual({ person: 'ann', role: 'operator', tenants: ['t-1', 't-2'] });
  expect(await verify(variables['EXPUNGE_API_TOKEN']!)).toEqual({ person: 'local-stack', role: 'viewer', tenants: undefined });
  const stranger = await (await openTokenIssuer(newFolder())).issue({ subject: 'ann', role: 'admin', expiresInMs: 60_000 });
  await expect(verify(stranger)).rejects.toThrow('does not publish');
});

test('the command prints a token and nothing else', async () => {
  const dir = newFolder();
  const token = (...args: string[]) => runProgram(process.execPath, ['--import', 'tsx', 'stack/token.ts', '--stack', dir, ...args], process.env);
  const { code, stdout } = await token('--role', 'operator', '--tenant', 'tenant-1', '--subject', 'ann');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  const { auth } = loadConfig({ ...(await tokenVariables(dir)) }).api;
  expect(await createTokenVerifier(auth!)(stdout.trim())).toEqual({ person: 'ann', role: 'operator', tenants: ['tenant-1'] });
  expect((await token('--role', 'root')).code).toBe(1);
}, 30_000);
