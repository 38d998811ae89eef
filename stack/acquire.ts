import { messageOf, MissingToolError, PartFailedError } from './errors.js';
import type { FetchContext, Part, Program } from './parts.js';
import { accepts } from './probes.js';
import type { PartState } from './progress.js';
import type { Source } from './sources.rules.js';

/** How a part will be had: at an address, by compose, or by running a program. */
export type Acquired =
  | { readonly source: 'environment' }
  /** `instead` gets the part by the ways that come after compose. */
  | { readonly source: 'compose'; readonly instead: (why: unknown) => Promise<Acquired> }
  | { readonly source: 'machine' | 'registry'; readonly program: Program };

export type Tell = (state: PartState, detail?: string) => void;

async function somethingAnswers(part: Part, address: string): Promise<void> {
  const { host, port } = part.hostAndPort(address);
  if (await accepts(host, port)) return;
  const { addressVariable: variable, title } = part;
  throw new PartFailedError(`${variable} is set, but nothing accepts connections at ${host}:${port}: start it, correct ${variable}, or unset it to have ${title} started here.`);
}

/**
 * Finds the first way by which a part can be had, and fetches its program where that is what it takes.
 * @throws MissingToolError, CommandFailedError, PartFailedError when nothing answers at the address
 */
export async function acquire(part: Part, sources: readonly Source[], context: FetchContext, tell: Tell, notes: readonly string[] = []): Promise<Acquired> {
  const onFetching = (): void => {
    tell('fetching', part.fetchNote);
  };
  for (const [index, source] of sources.entries()) {
    switch (source) {
      case 'environment':
        await somethingAnswers(part, context.environment[part.addressVariable] ?? '');
        return { source };
      case 'compose':
        return { source, instead: (why) => acquire(part, sources.slice(index + 1), context, tell, [...notes, messageOf(why)]) };
      case 'machine': {
        const program = await part.findOnMachine(context);
        if (program !== undefined) return { source, program };
        break;
      }
      case 'registry':
        return { source, program: await part.fetch({ ...context, onFetching }) };
    }
  }
  const ways = sources.join(' or ') || 'any way that STACK_SOURCES allows';
  throw new MissingToolError([`${part.title} cannot be had by ${ways}: allow more in STACK_SOURCES, or set ${part.addressVariable}.`, ...notes].join('\n'));
}
