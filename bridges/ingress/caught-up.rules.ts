/** Where a partition begins and ends, and how far its group has come. */
export interface PartitionEnds {
  readonly partition: number;
  readonly low: bigint;
  readonly high: bigint;
}

/** Whether a group has everything that was written before the ends were read; an empty partition needs no commit. */
export const hasReached = (ends: readonly PartitionEnds[], committed: ReadonlyMap<number, bigint>): boolean =>
  ends.every(({ partition, low, high }) => low >= high || (committed.get(partition) ?? low) >= high);
