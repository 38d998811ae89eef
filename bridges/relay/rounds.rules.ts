/** A row, as far as its turn goes. */
export interface Queued {
  readonly requestId: string;
}

/**
 * Deals rows into rounds: the first of each request, then the second of each, and so on. Within a round no row has to wait for
 * another, so it can go out at once; a next round's rows go when what is before them in their request has arrived.
 * @param rows in the order of their ids.
 */
export function rounds<Row extends Queued>(rows: readonly Row[]): Row[][] {
  const dealt: Row[][] = [];
  const seen = new Map<string, number>();
  for (const row of rows) {
    const turn = seen.get(row.requestId) ?? 0;
    seen.set(row.requestId, turn + 1);
    (dealt[turn] ??= []).push(row);
  }
  return dealt;
}
