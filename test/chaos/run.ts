import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

// `npm run test:chaos`: the short form. `-- --long` is the long one; `--only <text>` picks scenarios by name and `--seed <n>`
// repeats a run (CHAOS_LONG=1, CHAOS_ONLY and CHAOS_SEED do the same). All else goes to vitest.

const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
const env = { ...process.env };
const rest: string[] = [];
for (let given = process.argv.slice(2); given.length > 0; ) {
  const [option = '', value] = given;
  const [name, own] = option.startsWith('--') && option.includes('=') ? [option.slice(0, option.indexOf('=')), option.slice(option.indexOf('=') + 1)] : [option, undefined];
  if (name === '--long') env['CHAOS_LONG'] = '1';
  else if (name === '--only' || name === '--seed') {
    const text = own ?? value;
    if (!text) throw new Error(`${name} needs a value.`);
    env[name === '--only' ? 'CHAOS_ONLY' : 'CHAOS_SEED'] = text;
  } else rest.push(option);
  given = given.slice((name === '--only' || name === '--seed') && own === undefined ? 2 : 1);
}
const child = spawn(process.execPath, [vitest, 'run', '--project', 'chaos', ...rest], { stdio: 'inherit', env });
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
const [code] = (await once(child, 'close')) as [number | null];
process.exitCode = code ?? 1;
