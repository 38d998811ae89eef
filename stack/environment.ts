import type { Environment } from './settings.js';

/** The environment that this process was started with; the stack's entry points read it here and hand it on. */
export const environment: Environment = process.env;
