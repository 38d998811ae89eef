import type { KafkaClient } from '../../../bus/kafka.js';
import type { Attempt, Deletion, OutboxMessage } from '../../../store/ledger/rows.js';
import type { DagRunSeen, SimulatorStats } from '../../support/airflow-control.js';
import type { House } from '../../support/house.js';
import type { ChaosLoad } from '../load.js';
import type { Expectations } from '../scenario.js';
import type { Marks, TopicMessage } from '../topics.js';

/** How things stood before the scenario. */
export interface Before {
  /** Ends of all topics. */
  readonly ends: Marks;
  readonly lastOutboxId: number;
  readonly airflow: SimulatorStats;
  /** Runs that Airflow knew. */
  readonly airflowRuns: number;
  /** Workflows of a scenario before this one that did not come to its end. */
  readonly leftovers: ReadonlySet<string>;
  /** Requests of such a scenario: what is still told of them is not this one's. */
  readonly strangers: ReadonlySet<string>;
  readonly bystanderData: unknown;
}

/** A row of the outbox to Kafka, as it was left. */
export type OutboxRow = Pick<OutboxMessage, 'eventId' | 'requestId' | 'destination' | 'body'> & { readonly id: number; readonly sentAt: Date | null; readonly deadAt: Date | null };

/** What a check looks at. */
export interface Scene {
  readonly house: House;
  readonly kafka: KafkaClient;
  readonly load: ChaosLoad;
  readonly before: Before;
  readonly expects: Expectations;
  /** Everything that the ledger has of the load's users and tenants, clean-ups of tenants included. */
  readonly deletions: readonly Deletion[];
  readonly attempts: readonly Attempt[];
  /** What Airflow has of them. */
  readonly runs: readonly DagRunSeen[];
  /** What the outbox has been given for Kafka since the scenario began: all of it is sent, or dead. */
  readonly outbox: readonly OutboxRow[];
  /** What was written to Expunge's topics and to the dead letters since the scenario began; read when first asked for. */
  readonly written: () => Promise<readonly TopicMessage[]>;
}

/** What is not as it must be, in words; none when all is well. */
export type Check = (scene: Scene) => Promise<readonly string[]>;
