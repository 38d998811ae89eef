import type { Argument, Command, Option } from 'commander';

/** What can stand where a value does: any text, the name of a file, or one of some words. */
export type Values = 'any' | 'files' | readonly string[];

export interface CompletedOption {
  /** `--status`, `-h`. */
  readonly flags: readonly string[];
  readonly description: string;
  /** Undefined for one that takes no value. */
  readonly values: Values | undefined;
  /** Takes several values. */
  readonly many: boolean;
}

/** A command, as a shell completes it. */
export interface CompletedCommand {
  /** The words behind the program's name, each with a blank before it: ` dlq list`; empty for the program. */
  readonly at: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly CompletedOption[];
  /** What its arguments can be; undefined when it takes none. */
  readonly argument: Values | undefined;
}

/** All that can be completed, from the program itself. */
export function completedCommands(command: Command, at = ''): CompletedCommand[] {
  const help = command.createHelp();
  const own: CompletedCommand = {
    at,
    commands: command.commands.map((inner) => ({ name: inner.name(), description: short(inner.description()) })),
    options: help.visibleOptions(command).map((option) => ({
      flags: [option.long, option.short].filter((flag) => flag !== undefined),
      description: short(option.description),
      values: option.required || option.optional ? valuesOf(option) : undefined,
      many: option.variadic,
    })),
    argument: command.registeredArguments[0] && valuesOf(command.registeredArguments[0]),
  };
  return [own, ...command.commands.flatMap((inner) => completedCommands(inner, `${at} ${inner.name()}`))];
}

const valuesOf = (taker: Option | Argument): Values => taker.argChoices ?? (taker.name() === 'file' ? 'files' : 'any');

/** What a shell shows beside a word: the beginning of a description. */
const short = (description: string): string => /^[^;:(]*/.exec(description)?.[0].trim() ?? '';
