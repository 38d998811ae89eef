import type { Command } from 'commander';
import type { Config } from '../platform/config.js';
import type { Log } from '../platform/log.js';
import type { ExpungeClient } from './expunge-client.js';
import type { Terminal } from './terminal.js';

/** What every command is given. */
export interface Cli {
  readonly terminal: Terminal;
  /** Read when a command needs it, so that `--help` works without any. @throws ConfigFault */
  readonly config: () => Config;
  readonly client: () => ExpungeClient;
  readonly log: Log;
  /** The login of whoever runs the command: who does what, unless `--by` says. */
  readonly login: () => string;
  readonly readText: (fileOrDash: string) => Promise<string>;
  readonly sleep: (ms: number) => Promise<void>;
}

export interface JsonOption {
  readonly json?: boolean;
}

/** Prints for scripts what was asked for with `--json`, or else for people. */
export function print(cli: Cli, { json }: JsonOption, value: unknown, forPeople: () => string): void {
  cli.terminal.out(json ? JSON.stringify(value, null, 2) : forPeople());
}

export const withJson = (command: Command): Command => command.option('--json', 'print JSON, for scripts');
