import pc from 'picocolors';
import type { DeletionStatus } from '../contracts/names/index.js';

export type Tone = 'good' | 'bad' | 'busy' | 'quiet' | 'strong';

/** Colours a text, or leaves it as it is. The text alone always says all: colours only help the eye. */
export type Paint = (tone: Tone, text: string) => string;

/** What decides about colours in the environment: https://no-color.org, https://force-color.org. */
export interface ColourWishes {
  readonly noColor: string | undefined;
  readonly forceColor: string | undefined;
  readonly term: string | undefined;
}

/** Whether a stream takes colours: a terminal does, unless someone says otherwise. */
export function takesColours(isTTY: boolean, { noColor = '', forceColor = '', term }: ColourWishes): boolean {
  if (noColor !== '' || forceColor === '0' || forceColor === 'false') return false;
  return forceColor !== '' || (isTTY && term !== 'dumb');
}

export function createPaint(coloured: boolean): Paint {
  const { green, red, yellow, dim, bold } = pc.createColors(coloured);
  const by = { good: green, bad: red, busy: yellow, quiet: dim, strong: bold };
  return (tone, text) => (text === '' ? '' : by[tone](text));
}

const TONES: Readonly<Record<DeletionStatus, Tone>> = {
  PENDING: 'busy', ON_HOLD: 'busy', SENT_TO_AIRFLOW: 'busy', FAILED: 'bad', TIMEOUT: 'bad', COMPLETED: 'good', CANCELLED: 'quiet', DUPLICATE: 'quiet',
};

/** The tone of a deletion's status. */
export const toneOf = (status: DeletionStatus): Tone => TONES[status];
