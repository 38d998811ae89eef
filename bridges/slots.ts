/** How much may be under way at once, by lane; the lanes do not touch one another. */
export interface Slots {
  /**
   * Does the work once the lane has a slot.
   * @param work is told whether it had to wait for it.
   * @throws the signal's reason when it aborts before there is a slot.
   */
  within<T>(lane: string, signal: AbortSignal, work: (waited: boolean) => Promise<T>): Promise<T>;
}

/** @param slotsOf how many slots a lane has, 1 or more. */
export function createSlots(slotsOf: (lane: string) => number): Slots {
  const lanes = new Map<string, { taken: number; readonly waiting: Set<() => void> }>();

  return {
    within: async (name, signal, work) => {
      signal.throwIfAborted();
      const lane = lanes.get(name) ?? { taken: 0, waiting: new Set() };
      lanes.set(name, lane);
      const waited = lane.taken >= slotsOf(name);
      if (waited) await turn(lane.waiting, signal);
      else lane.taken++;
      try {
        return await work(waited);
      } finally {
        // A slot goes straight to whoever waits longest, so that nobody can slip in between.
        const [next] = lane.waiting;
        if (next) next();
        else lane.taken--;
      }
    },
  };
}

function turn(waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const go = (): void => {
      waiting.delete(go);
      signal.removeEventListener('abort', giveUp);
      resolve();
    };
    const giveUp = (): void => {
      waiting.delete(go);
      reject(signal.reason as Error);
    };
    waiting.add(go);
    signal.addEventListener('abort', giveUp, { once: true });
  });
}
