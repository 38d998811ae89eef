/** A memory this large holds what any hand-over leaves behind; beyond it, a message is handled once more at worst. */
const MAX_REMEMBERED = 10_000;

/** Messages that this process finished after their partition had been taken away: if it comes back, they are done. */
export class FinishedLate {
  readonly #offsets = new Set<string>();

  add(topic: string, partition: number, offset: bigint | string): void {
    if (this.#offsets.size >= MAX_REMEMBERED) this.#offsets.clear();
    this.#offsets.add(`${topic}/${partition}/${offset}`);
  }

  /** @returns whether it was there; asking forgets it */
  take(topic: string, partition: number, offset: bigint | string): boolean {
    return this.#offsets.delete(`${topic}/${partition}/${offset}`);
  }
}
