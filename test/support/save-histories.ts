import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startStack } from '../../stack/start.js';
import { openHistoryHouse } from './history-house.js';
import { scenes } from './history-scenes.js';

// Plays every scene on a real Temporal and PostgreSQL and saves the histories that test/replay replays. To be run when the
// shape of the workflows is changed on purpose: node --import tsx test/support/save-histories.ts [scene …]

const folder = fileURLToPath(new URL('../replay/histories/', import.meta.url));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !scenes[name]);
if (unknown.length > 0) throw new Error(`No such scene: ${unknown.join(', ')}. There are ${Object.keys(scenes).join(', ')}.`);

const dir = await mkdtemp(join(tmpdir(), 'expunge-histories-'));
const stack = await startStack({ environment: process.env, parts: ['temporal', 'postgres'], durability: 'throwaway', dir });
try {
  const { TEMPORAL_ADDRESS, DATABASE_URL } = stack.env;
  if (TEMPORAL_ADDRESS === undefined || DATABASE_URL === undefined) throw new Error('The stack gave no TEMPORAL_ADDRESS or DATABASE_URL.');
  const house = await openHistoryHouse({ TEMPORAL_ADDRESS, DATABASE_URL });
  try {
    await mkdir(folder, { recursive: true });
    for (const [name, scene] of Object.entries(scenes)) {
      if (wanted.length > 0 && !wanted.includes(name)) continue;
      house.interfere = undefined;
      for (const [file, history] of Object.entries(await scene(house))) {
        await writeFile(join(folder, `${file}.json`), history);
        console.log(`${file}: ${history.trim().split('\n').length - 2} events`);
      }
    }
  } finally {
    await house.close();
  }
} finally {
  await stack.stop();
  await rm(dir, { recursive: true, force: true });
}
