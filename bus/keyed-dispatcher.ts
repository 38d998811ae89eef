/** Work that is tried until it is finished. */
export interface Job {
  /** Jobs of one chain run one after another, in the order of their submission. */
  readonly chain: string;
  /** Once aborted, a job that waits is tried again at once, so that it can end itself. */
  readonly signal: AbortSignal;
  /** @returns undefined when finished, else how long to wait before the next try, in ms. Must not reject. */
  attempt(): Promise<number | undefined>;
}

/**
 * Runs many chains side by side. A job that waits for its next try holds its own chain, but none of the
 * `maxConcurrency` places.
 */
export class KeyedDispatcher {
  readonly #maxConcurrency: number;
  readonly #chains = new Map<string, Job[]>();
  readonly #ready: Job[] = [];
  #running = 0;
  #idle: (() => void)[] = [];

  constructor(maxConcurrency: number) {
    this.#maxConcurrency = maxConcurrency;
  }

  submit(job: Job): void {
    const chain = this.#chains.get(job.chain);
    if (chain) {
      chain.push(job);
      return;
    }
    this.#chains.set(job.chain, [job]);
    this.#makeReady(job);
  }

  /** Resolves once no job is left. */
  async idle(): Promise<void> {
    if (this.#chains.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #makeReady(job: Job): void {
    this.#ready.push(job);
    this.#fill();
  }

  #fill(): void {
    while (this.#running < this.#maxConcurrency) {
      const job = this.#ready.shift();
      if (!job) return;
      this.#running++;
      void this.#run(job);
    }
  }

  async #run(job: Job): Promise<void> {
    const waitMs = await job.attempt();
    this.#running--;
    if (waitMs === undefined) this.#finish(job);
    else this.#wait(job, waitMs);
    this.#fill();
  }

  #finish(job: Job): void {
    const chain = this.#chains.get(job.chain);
    chain?.shift();
    const next = chain?.[0];
    if (next) this.#ready.push(next);
    else this.#chains.delete(job.chain);
    if (this.#chains.size === 0) this.#idle.splice(0).forEach((resolve) => resolve());
  }

  #wait(job: Job, waitMs: number): void {
    const again = (): void => {
      clearTimeout(timer);
      job.signal.removeEventListener('abort', again);
      this.#makeReady(job);
    };
    const timer = setTimeout(again, job.signal.aborted ? 0 : waitMs);
    job.signal.addEventListener('abort', again);
  }
}
