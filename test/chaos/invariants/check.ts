import type { KafkaClient } from '../../../bus/kafka.js';
import type { Attempt, Deletion } from '../../../store/ledger/rows.js';
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
  /** What was written to Expunge's topics and to the dead letters since the scenario began; read when first asked for. */
  readonly written: () => Promise<readonly TopicMessage[]>;
}

/** What is not as it must be, in words; none when all is well. */
export type Check = (scene: Scene) => Promise<readonly string[]>;
