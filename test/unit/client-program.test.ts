import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examplesOf } from '../../client/cli.js';
import { deletionFilters } from '../../client/deletion-filters.js';
import { EXIT_CODES } from '../../client/faults.js';
import { takesColours } from '../../client/paint.rules.js';
import { calledBy, everyCommand } from '../../client/program.js';
import { deletionListQuery } from '../../contracts/api/lists.js';
import { DELETION_KINDS, DELETION_STATUSES } from '../../contracts/names/index.js';
import { cliDocument, programToRead, writtenCliDocument } from '../support/cli-document.js';
import { runRecorded } from '../support/cli-run.js';

const NOWHERE = { EXPUNGE_API_URL: 'http://127.0.0.1:1', KAFKA_BROKERS: '127.0.0.1:1' };
const commands = everyCommand(programToRead()).map((command) => ({ name: calledBy(command), command, isGroup: command.commands.length > 0 }));
const leaves = commands.filter(({ isGroup }) => !isGroup);

describe('every command', () => {
  it('is one of those that the design names', () => {
    const names = leaves.map(({ name }) => name.replace('expunge ', ''));
    expect(names).toEqual(expect.arrayContaining([
      'request user', 'request service', 'list', 'status', 'watch', 'retry', 'cancel', 'hold', 'release', 'tenant list', 'tenant show', 'tenant erase', 'services list', 'services import',
      'subject show', 'dlq list', 'dlq show', 'dlq replay', 'outbox list', 'outbox requeue', 'setup', 'make-current', 'completion',
    ]));
  });

  it.each(commands)('$name says what it does, with an example of itself', async ({ name, command, isGroup }) => {
    expect(command.description()).not.toBe('');
    const { code, out, err } = await runRecorded([...name.split(' ').slice(1), '--help'], {});
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const examples = /\nExamples:\n((?: {2}.*\n?)+)/.exec(out)?.[1]?.trim().split('\n').map((line) => line.trim()) ?? [];
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) expect(example).toContain(isGroup ? `${name} ` : name);
    if (!isGroup) expect(out).toContain('--json');
  });

  it.each(leaves)('$name understands its own examples', ({ command }) => {
    // What an example says, without what is before the program and behind a pipe or a redirection.
    const argsOf = (example: string): string[] => (/(?:^|[\s(])expunge ([^|>)]*)/.exec(example)?.[1] ?? '').trim().match(/"[^"]*"|\S+/g)?.map((word) => word.replaceAll('"', '')) ?? [];
    for (const example of examplesOf(command)) {
      const program = programToRead();
      let ran = '';
      for (const one of everyCommand(program)) one.action(() => { ran = calledBy(one); }).exitOverride().configureOutput({ writeErr: () => undefined });
      program.parse(argsOf(example), { from: 'user' });
      expect(ran, example).toBe(calledBy(command));
    }
  });

  it.each(leaves.filter(({ command }) => command.registeredArguments.some(({ required }) => required)))('$name tells a wrong use as one JSON object, when it is asked to', async ({ name }) => {
    const { code, out, err } = await runRecorded([...name.split(' ').slice(1), '--json'], NOWHERE);
    expect({ code, out }).toEqual({ code: EXIT_CODES.usage, out: '' });
    expect(JSON.parse(err)).toEqual({ kind: 'usage', message: expect.stringMatching(/missing required argument|required option/) as string, exitCode: 2 });
  });
});

describe('with --json', () => {
  it.each([
    [['lst', '--json'], { kind: 'usage', exitCode: 2 }],
    [['dlq', 'list', '--json', '--error-class', 'X'], { kind: 'usage', exitCode: 2 }],
    [['status', 'r', '--json'], { kind: 'unreachable', exitCode: 5 }],
    [['setup', '--json'], { kind: 'usage', exitCode: 2, faults: [expect.objectContaining({ variable: 'DATABASE_URL' })] }],
    [['services', 'import', 'package.json', '--json'], { kind: 'usage', exitCode: 2, faults: expect.arrayContaining([expect.objectContaining({ line: 1 })]) as unknown }],
  ])('%j fails with one JSON object on standard error', async (args, told) => {
    const { code, out, err } = await runRecorded(args, NOWHERE);
    expect(out).toBe('');
    expect(JSON.parse(err)).toMatchObject({ ...told, message: expect.stringMatching(/./) as string });
    expect(code).toBe(told.exitCode);
  });

  it('nothing is coloured, whoever wishes for colours', async () => {
    const { out } = await runRecorded(['completion', 'bash', '--json'], {}, { coloured: true });
    expect(JSON.parse(out)).toMatchObject({ shell: 'bash' });
    expect(out).not.toContain('\\u001b');
  });
});

describe('colours', () => {
  const wishes = (noColor?: string, forceColor?: string, term = 'xterm') => ({ noColor, forceColor, term });
  it.each([
    [true, wishes(), true], [false, wishes(), false], [true, wishes('1'), false], [true, wishes(''), true], [false, wishes(undefined, '1'), true],
    [true, wishes(undefined, '0'), false], [true, wishes('1', '1'), false], [true, wishes(undefined, undefined, 'dumb'), false],
  ])('on a terminal: %s, where %j is wished: %s', (isTTY, wished, takes) => {
    expect(takesColours(isTTY, wished)).toBe(takes);
  });
});

it('docs/cli.md is that of the program; if not: npm run write-cli', () => {
  expect(writtenCliDocument()).toBe(cliDocument());
});

it('the list has a filter for every parameter of the API, and the words of each', () => {
  expect([...new Set(deletionFilters().map(({ parameter }) => parameter))].sort()).toEqual(Object.keys(deletionListQuery.shape).filter((name) => name !== 'limit' && name !== 'cursor').sort());
});

describe('completion', () => {
  let folder: string;
  const scripts: Record<string, string> = {};
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'expunge-completion-'));
    for (const shell of ['bash', 'zsh', 'fish']) {
      scripts[shell] = join(folder, `completion.${shell}`);
      writeFileSync(scripts[shell], (await runRecorded(['completion', shell], {})).out);
    }
    writeFileSync(join(folder, 'some services.csv'), '');
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  const installed = (shell: string): boolean => (process.env['PATH'] ?? '').split(delimiter).some((dir) => {
    try {
      return execFileSync('test', ['-x', join(dir, shell)]).length === 0;
    } catch {
      return false;
    }
  });
  const run = (shell: string, args: readonly string[]): string[] => execFileSync(shell, args, { cwd: folder, encoding: 'utf8', env: { ...process.env, HOME: folder } }).split('\n').filter((line) => line !== '');

  /** What each shell offers behind these words, the last of which is begun. */
  const offered: Readonly<Record<string, (words: readonly string[]) => string[]>> = {
    bash: (words) => run('bash', ['--norc', '-c', 'source "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _expunge 2>/dev/null; printf "%s\\n" "${COMPREPLY[@]}"', '-', scripts['bash'] ?? '', ...words]),
    // compadd adds matches inside of a completion only: this one prints those of its words that fit, as compadd would add them.
    zsh: (words) => run('zsh', ['-f', '-c', `
      compdef() { : }; compset() { words[CURRENT]="\${words[CURRENT]#*=}" }; _files() { print -l -- *(N) }
      compadd() { local -a given; while (( $# )); do case $1 in (-a) given=("\${(@P)2}"); shift ;; (-d) shift ;; esac; shift; done; for one in $given; do [[ $one == "\${words[CURRENT]}"* ]] && print -r -- $one; done; true }
      source "$1"; shift; words=("$@"); CURRENT=$#; _expunge`, '-', scripts['zsh'] ?? '', ...words]),
    fish: (words) => run('fish', ['--no-config', '-c', 'source $argv[1]; complete -C "$argv[2]"', scripts['fish'] ?? '', words.map((word) => word.replaceAll(' ', '\\ ')).join(' ')]).map((line) => line.split('\t')[0] ?? ''),
  };

  describe.each(['bash', 'zsh', 'fish'])('by %s', (shell) => {
    const complete = (...words: string[]) => offered[shell]?.(['expunge', ...words]) ?? [];
    const here = it.skipIf(!installed(shell));

    here('is of commands', () => {
      expect(complete('d')).toEqual(['dlq']);
      expect(complete('').sort()).toEqual(programToRead().commands.map((command) => command.name()).sort());
      expect(complete('dlq', '').sort()).toEqual(['list', 'replay', 'show']);
      expect(complete('dlq', 're')).toEqual(['replay']);
    });

    here('is of options of the command', () => {
      expect(complete('list', '--stat')).toEqual(['--status']);
      expect(complete('dlq', 'replay', '--max')).toEqual(['--max-replays']);
      expect(complete('status', 'uuid-1', '--stat')).toEqual([]);
      for (const { name, command } of leaves) {
        const longs = command.options.map(({ long }) => long ?? '');
        expect(complete(...name.split(' ').slice(1), '--').sort()).toEqual([...longs, '--help'].sort());
      }
    });

    here('is of the values that an option has', () => {
      expect(complete('list', '--status', '').sort()).toEqual([...DELETION_STATUSES].sort());
      expect(complete('list', '--status', 'F')).toEqual(['FAILED']);
      expect(complete('list', '--parked', '--kind', '').sort()).toEqual([...DELETION_KINDS].sort());
      expect(complete('watch', 'uuid-1', '--until', 'p')).toEqual(['parked']);
      expect(complete('list', '--tenant', '')).toEqual([]);
      expect(complete('completion', 'z')).toEqual(['zsh']);
    });

    here('is of values behind an equals sign', () => {
      if (shell === 'bash') expect(complete('list', '--status', '=', 'TIME')).toEqual(['TIMEOUT']);
      if (shell === 'zsh') expect(complete('list', '--status=TIME')).toEqual(['TIMEOUT']);
      if (shell === 'fish') expect(complete('list', '--status=TIME')).toEqual(['--status=TIMEOUT']);
    });

    here('is of files where a file is wanted', () => {
      expect(complete('services', 'import', 'some').map((file) => file.replaceAll('\\', ''))).toContain('some services.csv');
    });
  });

  it('in bash goes on with several values, and knows when there are enough', () => {
    const complete = (...words: string[]) => offered['bash']?.(['expunge', ...words]) ?? [];
    expect(complete('list', '--status', 'FAILED', 'TIME')).toEqual(['TIMEOUT']);
    expect(complete('list', '--status', 'FAILED', '--par')).toEqual(['--parked']);
    expect(complete('watch', '--until', 'parked', 'f')).toEqual([]);
    expect(run('bash', ['--norc', '-c', 'source "$1"; complete -p expunge', '-', scripts['bash'] ?? ''])).toEqual(['complete -F _expunge expunge']);
  });
});
