import type { Command } from 'commander';
import type { Config } from '../platform/config.js';
import type { Log } from '../platform/log.js';
import type { ExpungeClient } from './expunge-client.js';
import type { Screen } from './table.rules.js';
import type { Terminal } from './terminal.js';

/** What every command is given. */
export interface Cli {
  readonly terminal: Terminal;
  /** What views for people are drawn on. */
  readonly screen: Screen;
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

const EXAMPLES = new WeakMap<Command, readonly string[]>();

/** The examples of a command; of a group, the first of each of its commands. */
export const examplesOf = (command: Command): readonly string[] => EXAMPLES.get(command) ?? command.commands.flatMap((inner) => examplesOf(inner).slice(0, 1));

/** Gives a command its examples. */
export function exemplified(command: Command, examples: readonly string[]): Command {
  EXAMPLES.set(command, examples);
  return command;
}

export interface CommandAbout {
  readonly description: string;
  /** What `--json` prints, by the name that the API's document has for it where it has one. */
  readonly json: string;
  /** Whole command lines. */
  readonly examples: readonly [string, ...string[]];
}

/** Says of a command what every command says of itself. */
export function documented(command: Command, { description, json, examples }: CommandAbout): Command {
  return exemplified(command, examples).description(description).option('--json', `print JSON: ${json}`).option('--no-color', 'without colours');
}
