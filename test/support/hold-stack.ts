import { startStack } from '../../stack/start.js';

/** A process that holds a small stack up in the folder that it is given, tells its parent what runs, and stops it on SIGTERM. */
const [dir] = process.argv.slice(2);
if (dir === undefined) throw new Error('Give the folder of the stack.');
const stack = await startStack({ environment: process.env, parts: ['temporal', 'kafka', 'postgres'], dir, durability: 'throwaway' });
process.once('SIGTERM', () => {
  void stack.stop().then(() => process.exit(0));
});
process.send?.({ env: stack.env, pids: stack.parts.map(({ pid }) => pid) });
