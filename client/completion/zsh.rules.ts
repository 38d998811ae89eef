import type { CompletedCommand, Values } from './completed-words.rules.js';

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const cases = (rows: readonly (readonly [pattern: string, does: string])[], indent: string): string => rows.map(([pattern, does]) => `${indent}(${pattern}) ${does} ;;`).join('\n');
const listed = (entries: readonly { readonly word: string; readonly description: string }[]): string => {
  const width = Math.max(...entries.map(({ word }) => word.length));
  return `words_=(${entries.map(({ word }) => quoted(word)).join(' ')}) shown=(${entries.map(({ word, description }) => quoted(`${word.padEnd(width)}  ${description}`)).join(' ')})`;
};
const valuesOf = (values: Values): string => (values === 'files' ? 'files=1' : values === 'any' ? '' : `words_=(${values.map(quoted).join(' ')})`);

/** A completion script for zsh. */
export function zshCompletion(program: string, commands: readonly CompletedCommand[]): string {
  const paths = commands.filter(({ at }) => at !== '').map(({ at }) => quoted(at)).join('|');
  const taking = commands.flatMap(({ at, options }) => options.flatMap(({ flags, values, many }): [string, string][] => (values === undefined ? [] : [
    [flags.map((flag) => quoted(`${at} ${flag}`)).join('|'), `takes=${many ? 'many' : 'one'} ${valuesOf(values)}`.trim()],
  ])));
  const offered = commands.map(({ at, options }): [string, string] => [quoted(at), listed(options.flatMap(({ flags, description }) => flags.map((word) => ({ word, description }))))]);
  const standing = commands.flatMap(({ at, commands: inner, argument }): [string, string][] => {
    if (inner.length > 0) return [[quoted(at), listed(inner.map(({ name, description }) => ({ word: name, description })))]];
    return argument === undefined || argument === 'any' ? [] : [[quoted(at), valuesOf(argument)]];
  });
  return `#compdef ${program}
# zsh completion for ${program}. Load it with: source <(${program} completion zsh)
# or keep it as a file _${program} in a folder of $fpath.
_${program}() {
  local current="$words[CURRENT]" at='' option='' takes='' files='' word
  local -a words_ shown
  integer given=0 i
  for ((i = 2; i < CURRENT; i++)); do
    word="$words[i]"
    if [[ $word == -* ]]; then
      option="\${word%%=*}" given=0
      [[ $word == *=* ]] && given=1
      continue
    fi
    case "$at $word" in
      (${paths}) at="$at $word" option='' given=0 ;;
      (*) given=$((given + 1)) ;;
    esac
  done
  if [[ $current == --*=* ]]; then
    option="\${current%%=*}" given=0
    compset -P '*='
    current="\${current#*=}"
  fi
  case "$at $option" in
${cases(taking, '    ')}
  esac
  if [[ $takes == one && $given -gt 0 ]] || [[ $takes == many && $given -gt 0 && $current == -* ]]; then takes='' files='' words_=(); fi
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
  if [[ -n $files ]]; then
    _files
  elif (( $#shown )); then
    compadd -l -d shown -a words_
  elif (( $#words_ )); then
    compadd -a words_
  fi
}
if [[ "$funcstack[1]" == _${program} ]]; then _${program} "$@"; else compdef _${program} ${program}; fi`;
}
