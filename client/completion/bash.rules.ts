import type { CompletedCommand, Values } from './completed-words.rules.js';

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const wordsOf = (values: Values): string => (typeof values === 'string' ? '' : values.join(' '));
const cases = (rows: readonly (readonly [pattern: string, does: string])[], indent: string): string => rows.map(([pattern, does]) => `${indent}${pattern}) ${does} ;;`).join('\n');

/** A completion script for bash 3.2 and newer. */
export function bashCompletion(program: string, commands: readonly CompletedCommand[]): string {
  const paths = commands.filter(({ at }) => at !== '').map(({ at }) => quoted(at)).join(' | ');
  const taking = commands.flatMap(({ at, options }) => options.flatMap(({ flags, values, many }): [string, string][] => (values === undefined ? [] : [
    [flags.map((flag) => quoted(`${at} ${flag}`)).join(' | '), `takes=${many ? 'many' : 'one'} ${values === 'files' ? 'files=1' : `words=${quoted(wordsOf(values))}`}`],
  ])));
  const offered = commands.map(({ at, options }): [string, string] => [quoted(at), `words=${quoted(options.flatMap(({ flags }) => flags).join(' '))}`]);
  const standing = commands.flatMap(({ at, commands: inner, argument }): [string, string][] => {
    if (inner.length > 0) return [[quoted(at), `words=${quoted(inner.map(({ name }) => name).join(' '))}`]];
    return argument === undefined || argument === 'any' ? [] : [[quoted(at), argument === 'files' ? 'files=1' : `words=${quoted(wordsOf(argument))}`]];
  });
  return `# bash completion for ${program}. Load it with: source <(${program} completion bash)
_${program}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" at='' option='' given=0 takes='' words='' files='' word i
  # bash takes "--status=FAILED" for three words.
  [[ $current == '=' ]] && current=''
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    if [[ $word == '=' ]]; then continue; fi
    if [[ $word == -* ]]; then option=$word given=0; continue; fi
    case "$at $word" in
      ${paths}) at="$at $word" option='' given=0 ;;
      *) given=$((given + 1)) ;;
    esac
  done
  COMPREPLY=()
  case "$at $option" in
${cases(taking, '    ')}
  esac
  if [[ $takes == one && $given -gt 0 ]] || [[ $takes == many && $given -gt 0 && $current == -* ]]; then takes='' words='' files=''; fi
  if [[ -z $takes ]]; then
    if [[ $current == -* ]]; then
      case "$at" in
${cases(offered, '        ')}
      esac
    else
      case "$at" in
${cases(standing, '        ')}
      esac
    fi
  fi
  local IFS=$'\\n'
  if [[ -n $files ]]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$current"))
  elif [[ -n $words ]]; then
    COMPREPLY=($(IFS=' '; compgen -W "$words" -- "$current"))
  fi
}
complete -F _${program} ${program}`;
}
