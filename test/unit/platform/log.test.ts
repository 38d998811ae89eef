import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { platform } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { createLog } from '../../../platform/log.js';

function logged(act: (log: ReturnType<typeof createLog>) => void): { line: Record<string, unknown>; text: string } {
  const lines: string[] = [];
  act(createLog({ level: 'info', destination: { write: (line: string) => void lines.push(line) } }));
  const text = lines.join('');
  return { line: JSON.parse(text) as Record<string, unknown>, text };
}

test('a line is JSON with level and time, and keeps what names no person', () => {
  const { line } = logged((log) => log.info({ requestId: 'req-1', subjectRef: 'v1.abc' }, 'done'));
  expect(line).toMatchObject({ level: 'info', requestId: 'req-1', subjectRef: 'v1.abc', msg: 'done', service: 'expunge' });
  expect(line['time']).toMatch(/^\d{4}-\d\d-\d\dT/);
});

test.each(['userId', 'user_id', 'email', 'requestedBy', 'payload', 'conf', 'error_text', 'password', 'token'])('%s is redacted wherever it is put', (key) => {
  expect(logged((log) => log.info({ [key]: 'ann@example.com', message: { [key]: 'ann@example.com', value: { [key]: 'ann@example.com' } } })).text).not.toContain('ann@example.com');
  expect(logged((log) => log.child({ [key]: 'ann@example.com' }).info('x')).text).not.toContain('ann@example.com');
});

test('of an error no data is kept: PostgreSQL names the row in its detail', () => {
  const cause = Object.assign(new Error('duplicate key'), { code: '23505', detail: 'Key (user_id)=(ann@example.com) exists' });
  const { line, text } = logged((log) => log.error({ err: new Error('cannot insert', { cause }) }, 'failed'));
  expect(text).not.toContain('ann@example.com');
  expect(line['err']).toMatchObject({ type: 'Error', message: 'cannot insert', cause: { code: '23505' } });
});

test.runIf(platform() === 'linux')('a process whose log has no room on its disk goes on', async () => {
  const program = `
    import { createLog } from ${JSON.stringify(fileURLToPath(new URL('../../../platform/log.ts', import.meta.url)))};
    const log = createLog({ level: 'info' });
    for (let n = 0; n < 3000; n++) log.info({ n, filler: 'x'.repeat(1000) }, 'more than is kept waiting');
    setTimeout(() => { log.info('still here'); process.exit(7); }, 50);`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], { stdio: ['ignore', openSync('/dev/full', 'a'), 'pipe'] });
  const said: Buffer[] = [];
  child.stderr?.on('data', (chunk: Buffer) => said.push(chunk));
  onTestFinished(() => void child.kill('SIGKILL'));
  const [code] = (await once(child, 'close')) as [number | null];
  expect({ code, said: Buffer.concat(said).toString() }).toEqual({ code: 7, said: '' });
});
