import type { KafkaClient } from '../../bus/kafka.js';
import type { DeletionStatus } from '../../contracts/names/index.js';
import type { RunningStack } from '../../stack/start.js';
import type { ProcessPlan } from '../support/house-roles.js';
import type { House } from '../support/house.js';
import type { TcpProxy } from '../support/tcp-proxy.js';
import type { ChaosLoad, LoadShape } from './load.js';
import type { LogDisk } from './log-disk.js';
import type { Random } from './random.js';

/** Roles, and how they are configured; scenarios that follow one another with the same one share it. */
export interface HouseSetup {
  /** How roles are shared out to processes; each on its own when left out. */
  readonly processes?: readonly ProcessPlan[];
  /** Configuration of the roles, over that of the chaos house (chaos-house.ts). */
  readonly env?: Readonly<Record<string, string>>;
  /** Processes that do not come back when the fault is over. */
  readonly goneAfterwards?: readonly string[];
}

/** What may differ from "everything is carried out at the first attempt". */
export interface Expectations {
  /** Deletions may take several attempts: the fault is such that Airflow, or nobody, answers one. `one` when left out. */
  readonly attempts?: 'one' | 'several';
  /** How requests may end; COMPLETED, or DUPLICATE of one of the same subject that has completed, when left out. */
  readonly statuses?: readonly DeletionStatus[];
  /** Dead letters by topic (of the topic that was read); none when left out. */
  readonly deadLetters?: Readonly<Record<string, number>>;
  /** Processes that the fault may end; none may end by itself when left out. */
  readonly processesMayEnd?: boolean;
  /** False where order on topics cannot be told by timestamps because clocks differ, and partitions are added. */
  readonly orderAcrossPartitions?: boolean;
}

/** What a scenario injects its fault with. */
export interface ChaosContext {
  readonly house: House;
  readonly stack: RunningStack;
  /** A client of its own, of which nothing is logged. */
  readonly kafka: KafkaClient;
  readonly load: ChaosLoad;
  readonly random: Random;
  readonly logDisk: LogDisk;
  /** The way on which the roles reach PostgreSQL: it can cut them off. */
  readonly postgres: TcpProxy;
  /** The long form runs. */
  readonly long: boolean;
  /** One for the short form, one for the long form. */
  readonly byForm: <T>(short: T, long: T) => T;
  /** For the table and the messages of failures: what was done, and when chances decided it. */
  readonly note: (text: string) => void;
  readonly pause: (ms: number) => Promise<void>;
  /** How many of the requests are in the ledger, and how many completed. */
  readonly progress: () => Promise<{ readonly received: number; readonly completed: number }>;
  /** Waits until so many of the requests are received, or completed; all that are sent by then, if those are fewer. */
  readonly whenSomeAre: (what: 'received' | 'completed', atLeast: number) => Promise<void>;
  /**
   * Signals a process by its name, those of a role, or all roles, and waits until they have ended. After SIGKILL, what the
   * consumer groups have committed must be done at that moment.
   */
  readonly kill: (which?: string, signal?: NodeJS.Signals) => Promise<readonly string[]>;
}

/** One fault, in the middle of many deletions. */
export interface Scenario {
  /** Short, in lower case: `kafka killed`. The name of the test, and what CHAOS_ONLY picks by. */
  readonly name: string;
  /** The row of the fault matrix (docs/reliability.md): the fault, what the user sees of it, and what is promised. */
  readonly fault: string;
  readonly userSees: string;
  readonly promised: string;
  readonly setup?: HouseSetup;
  /** Not played in the short form. */
  readonly longOnly?: boolean;
  /** How much there is to delete; the form's usual load when left out. */
  readonly load?: (long: boolean) => Partial<LoadShape>;
  /** Over how long the requests come that are not sent at once; about a second in the short form when left out. What is left when the fault is over comes then. */
  readonly spreadMs?: (long: boolean) => number;
  readonly expects?: Expectations;
  /** How long after the fault all must be done; 60 s in the short form and 300 s in the long one when left out. */
  readonly doneWithinMs?: (long: boolean) => number;
  /** Why it cannot be tried on this machine: the test is skipped then, and says so. */
  readonly cannotRun?: (context: Pick<ChaosContext, 'stack' | 'logDisk'>) => string | undefined;
  /** Sets the scene before the first request is sent: what is to meet every request has to be there by then. */
  readonly before?: (context: ChaosContext) => Promise<void>;
  /** Injects the fault, and resolves when the fault is over: what is left is recovery. Requests go on coming meanwhile. */
  readonly inject: (context: ChaosContext) => Promise<void>;
  /** More that must hold in the end. */
  readonly check?: (context: ChaosContext) => Promise<void>;
}
