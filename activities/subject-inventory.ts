import { SUBJECT_KINDS, type SubjectCounts, type SubjectKind } from '../contracts/names/index.js';
import type { LockedDeletion, ReadAhead } from '../store/ledger/locked-deletion.js';
import type { UserInventory } from '../store/subjects/user-inventory.js';

/** Counts what exists of the user of a deletion, within the transaction that needs to know: every kind, with 0 for those of which there is nothing. */
export type CountUser = (deletion: LockedDeletion) => Promise<SubjectCounts>;

/** Tells what exists of a user, by kind: the local index, or the services that own it. */
export interface SubjectInventory {
  /** Kinds that are seen to go. Of others nobody here hears when they are erased. */
  readonly seesGo: ReadonlySet<SubjectKind>;
  /** What the transaction reads in its first round trip, so that the count costs none of its own. */
  readonly readAhead: ReadAhead;
  /** Whether nobody else has to be asked. */
  readonly isLocal: boolean;
  /**
   * Asks what exists of the user of a request; of a completed one, what existed then and exists still. Called before the
   * transaction that needs to know, so that no lock waits for another service.
   * @throws InventoryUnavailable
   */
  ask(requestId: string): Promise<CountUser>;
}

/** Who must be asked what exists of a user cannot be asked now: nothing is decided on a guess, the question is asked again. */
export class InventoryUnavailable extends Error {
  override readonly name: string = 'InventoryUnavailable';
  /** The service that did not answer. */
  readonly owner: string;
  constructor(owner: string, why: string) {
    super(`${owner} ${why}`);
    this.owner = owner;
  }
}

/** Nothing on the bus tells that a medium was deleted. */
const SEEN_BY_EVENTS: ReadonlySet<SubjectKind> = new Set<SubjectKind>(['post', 'message', 'profile']);

/** What the index knows, as counts of every kind. */
export const countsOf = ({ kinds }: UserInventory): SubjectCounts =>
  Object.fromEntries(SUBJECT_KINDS.map((kind) => [kind, kinds.find((one) => one.kind === kind)?.count ?? 0]));

/** The index that the events of the bus keep. */
export const localInventory: SubjectInventory = {
  seesGo: SEEN_BY_EVENTS,
  readAhead: { userInventory: true },
  isLocal: true,
  ask: () => Promise.resolve(async (deletion) => countsOf(await deletion.userInventory())),
};

interface InventoryAsking {
  readonly inventory: SubjectInventory;
  readonly events: { readonly inventoryUnavailable: (owner: string, why: string) => void };
}

/** Asks, for a user's request. @returns undefined when whoever must be asked cannot be asked now */
export async function askInventory({ inventory, events }: InventoryAsking, requestId: string): Promise<CountUser | undefined> {
  try {
    return await inventory.ask(requestId);
  } catch (error) {
    if (!(error instanceof InventoryUnavailable)) throw error;
    events.inventoryUnavailable(error.owner, error.message);
    return undefined;
  }
}
