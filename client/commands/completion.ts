import { Argument, type Command } from 'commander';
import { documented, print, type Cli, type JsonOption } from '../cli.js';
import { bashCompletion } from '../completion/bash.rules.js';
import { completedCommands } from '../completion/completed-words.rules.js';
import { fishCompletion } from '../completion/fish.rules.js';
import { zshCompletion } from '../completion/zsh.rules.js';

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

export function addCompletionCommand(program: Command, cli: Cli): void {
  documented(program.command('completion').addArgument(new Argument('<shell>').choices(Object.keys(SHELLS))), {
    description: 'print a script that has a shell complete commands, options and their values',
    json: '{shell, script}',
    examples: ['source <(expunge completion bash)', 'source <(expunge completion zsh)', 'expunge completion fish > ~/.config/fish/completions/expunge.fish'],
  }).action((shell: keyof typeof SHELLS, options: JsonOption) => {
    const script = SHELLS[shell](program.name(), completedCommands(program));
    print(cli, options, { shell, script }, () => script);
  });
}
