export type Tone = 'good' | 'bad' | 'busy' | 'quiet' | 'strong';

/** Colours a text, or leaves it as it is. */
export type Paint = (tone: Tone, text: string) => string;

const CODES: Readonly<Record<Tone, readonly [number, number]>> = { good: [32, 39], bad: [31, 39], busy: [33, 39], quiet: [2, 22], strong: [1, 22] };

/** Colours for a terminal (ECMA-48 SGR); none elsewhere, nor where NO_COLOR is set (https://no-color.org). */
export function createPaint(isTTY: boolean, noColor: string | undefined): Paint {
  if (!isTTY || (noColor !== undefined && noColor !== '')) return (_tone, text) => text;
  return (tone, text) => (text === '' ? '' : `\u001b[${CODES[tone][0]}m${text}\u001b[${CODES[tone][1]}m`);
}
