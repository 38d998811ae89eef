import type { CompletedCommand, CompletedOption } from './completed-words.rules.js';

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** A completion script for fish. */
export function fishCompletion(program: string, commands: readonly CompletedCommand[]): string {
  const paths = commands.filter(({ at }) => at !== '').map(({ at }) => quoted(at)).join(' ');
  const lines = commands.flatMap(({ at, commands: inner, options, argument }) => {
    const here = `complete -c ${program} -n "__${program}_at ${quoted(at)}"`;
    return [
      ...inner.map(({ name, description }) => `${here} -a ${name} -d ${quoted(description)}`),
      ...(argument === 'files' ? [`${here} -F`] : argument === undefined || argument === 'any' ? [] : [`${here} -a ${quoted(argument.join(' '))}`]),
      ...options.map((option) => `${here} ${optionOf(option)}`),
    ];
  });
  return `# fish completion for ${program}. Load it with: ${program} completion fish | source
function __${program}_at
    set -l at ''
    for word in (commandline -opc)[2..-1]
        switch "$at $word"
            case ${paths}
                set at "$at $word"
        end
    end
    test "$at" = "$argv[1]"
end
complete -c ${program} -f
${lines.join('\n')}`;
}

function optionOf({ flags, description, values }: CompletedOption): string {
  const named = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)).join(' ');
  const takes = values === undefined ? '' : values === 'files' ? ' -r -F' : values === 'any' ? ' -x' : ` -x -a ${quoted(values.join(' '))}`;
  return `${named} -d ${quoted(description)}${takes}`;
}
