/** What is known of a partition when it is ours from now on. */
export interface PartitionPosition {
  /** What the group committed; undefined if nothing yet. */
  readonly committed: bigint | undefined;
  /** The oldest offset that is still kept. */
  readonly low: bigint;
  /** The offset that the next message will get. */
  readonly high: bigint;
}

/** What this process still has of the partition from before. */
export interface KnownWork {
  readonly committable: bigint;
  readonly nextFetch: bigint;
}

export type StartPlan =
  /** Nobody else went on in the meantime: what is under way stays under way, fetching goes on behind it. */
  | { readonly kind: 'keep' }
  | {
      readonly kind: 'start';
      readonly at: bigint;
      /** Messages that the group had not handled are gone, or the topic is not the one it was. */
      readonly gap?: 'RETENTION_PASSED_US' | 'TOPIC_MADE_ANEW';
    };

/**
 * Where to read on after a rebalance. The position is decided here and not by kafkajs, which may go on from a place that
 * another generation had reached (tulios/kafkajs#28, #1046, #1097).
 */
export function startPlan(known: KnownWork | undefined, { committed, low, high }: PartitionPosition): StartPlan {
  if (known && (committed === undefined || committed <= known.committable) && known.nextFetch >= low && known.nextFetch <= high) return { kind: 'keep' };
  if (committed === undefined) return { kind: 'start', at: low };
  if (committed < low) return { kind: 'start', at: low, gap: 'RETENTION_PASSED_US' };
  if (committed > high) return { kind: 'start', at: low, gap: 'TOPIC_MADE_ANEW' };
  return { kind: 'start', at: committed };
}
