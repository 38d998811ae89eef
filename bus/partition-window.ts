/** One message that was fetched and is not committed yet. */
export interface WindowEntry {
  readonly offset: bigint;
  done: boolean;
}

/** How much a partition may have under way. */
export interface WindowLimits {
  /** Messages that are not done. */
  readonly maxInFlight: number;
  /** Messages since the first that is not done, done ones included: what comes again after a crash. */
  readonly maxAhead: number;
}

/**
 * What is under way of one partition: messages are taken in the order of their offsets, get done in any, and only the
 * done ones at the front may be committed. So a message that takes long holds the commit, not the messages behind it.
 */
export class PartitionWindow {
  /** Aborted when the partition is no longer ours to work on. */
  readonly ended = new AbortController();
  #entries: WindowEntry[] = [];
  #front = 0;
  #open = 0;
  #nextFetch: bigint;
  #committed: bigint;

  /** @param start where reading begins; everything before it counts as committed */
  constructor(start: bigint) {
    this.#nextFetch = start;
    this.#committed = start;
  }

  /** The next offset to fetch. */
  get nextFetch(): bigint {
    return this.#nextFetch;
  }

  /** The offset that may be committed: all before it is done. */
  get committable(): bigint {
    this.#advance();
    return this.#entries[this.#front]?.offset ?? this.#nextFetch;
  }

  get hasNewsToCommit(): boolean {
    return this.committable > this.#committed;
  }

  /** Messages that are not done. */
  get inFlight(): number {
    return this.#open;
  }

  /** Takes fetched offsets, in order; those before nextFetch are known already and left out. */
  take(offsets: readonly bigint[]): WindowEntry[] {
    const entries = offsets.filter((offset) => offset >= this.#nextFetch).map((offset) => ({ offset, done: false }));
    this.#entries.push(...entries);
    this.#open += entries.length;
    const last = entries.at(-1);
    if (last) this.#nextFetch = last.offset + 1n;
    return entries;
  }

  /** Nothing to handle lies before `offset`: control records and compaction leave gaps. */
  skipTo(offset: bigint): void {
    if (offset > this.#nextFetch) this.#nextFetch = offset;
  }

  markDone(entry: WindowEntry): void {
    if (entry.done) return;
    entry.done = true;
    this.#open--;
  }

  markCommitted(offset: bigint): void {
    if (offset > this.#committed) this.#committed = offset;
  }

  isFull({ maxInFlight, maxAhead }: WindowLimits): boolean {
    this.#advance();
    return this.#open >= maxInFlight || this.#entries.length - this.#front >= maxAhead;
  }

  /** Well below full: reading on is worth a fetch. */
  hasRoom({ maxInFlight, maxAhead }: WindowLimits): boolean {
    return !this.isFull({ maxInFlight: Math.max(1, Math.floor(maxInFlight / 2)), maxAhead: Math.max(1, Math.floor((maxAhead * 3) / 4)) });
  }

  #advance(): void {
    while (this.#entries[this.#front]?.done === true) this.#front++;
    // Cutting the front off costs as much as what stays: do it when at least half is cut.
    if (this.#front > 64 && this.#front * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#front);
      this.#front = 0;
    }
  }
}
