import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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

test('a token that was accepted is taken for a minute without its keys, and never after its expiry', async () => {
  const dir = newFolder();
  const { auth } = loadConfig(await tokenVariables(dir)).api;
  const issuer = await openTokenIssuer(dir);
  let now = Date.now();
  let asked = 0;
  const keys = createServer((_request, response) => {
    asked++;
    response.setHeader('content-type', 'application/json').end(readFileSync(join(dir, 'jwks.json')));
  });
  await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve));
  const verify = createTokenVerifier({ ...auth!, jwks: { url: `http://127.0.0.1:${(keys.address() as AddressInfo).port}/` } }, () => now);
  const [long, short] = [await issuer.issue({ subject: 'ann', expiresInMs: 600_000 }), await issuer.issue({ subject: 'bob', expiresInMs: 30_000 })];
  await Promise.all([verify(long), verify(short)]);
  await new Promise((resolve) => keys.close(resolve));
  expect(asked).toBe(1);
  now += 29_000;
  expect((await verify(short)).person).toBe('bob');
  now += 7_000;
  await expect(verify(short)).rejects.toThrow('expired');
  expect((await verify(long)).person).toBe('ann');
  await expect(verify(`${long.slice(0, -4)}AAAA`)).rejects.toThrow('signature');
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
