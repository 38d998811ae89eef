#!/usr/bin/env node
import { colourVariables } from '../platform/config.js';
import { runCli } from './run.js';
import { createTerminal } from './terminal.js';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0); // whoever read has seen enough
  throw error;
});

process.exitCode = await runCli(process.argv.slice(2), { terminal: createTerminal(process, colourVariables()) });
