import { readdir, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { MissingToolError } from '../errors.js';
import type { Environment } from '../settings.js';
import { cached } from './cache.js';
import { onPath, runCommand } from './commands.js';

export interface MavenArtifact {
  readonly group: string;
  readonly artifact: string;
  readonly version: string;
}

const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';

/** A pom that has the artifacts, and through them all that they need, as its dependencies. */
export const pomOf = (artifacts: readonly MavenArtifact[]): string => `<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>stack</artifactId><version>1</version>
  <dependencies>
${artifacts.map(({ group, artifact, version }) => `    <dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`).join('\n')}
  </dependencies>
</project>
`;

/**
 * A Java class path with the artifacts and all that they need, fetched with Maven once.
 * @throws MissingToolError when it is not in the cache and Maven is not installed.
 */
export async function mavenClassPath(
  options: {
    readonly cacheDir: string;
    readonly key: string;
    readonly artifacts: readonly MavenArtifact[];
    readonly env: Environment;
    /** What to set or install when Maven is missing, as the end of a sentence. */
    readonly remedy: string;
    readonly signal?: AbortSignal | undefined;
    readonly onFetching?: () => void;
  },
): Promise<string> {
  const folder = await cached(
    options.cacheDir,
    options.key,
    async (building) => {
      const maven = await onPath(['mvn'], options.env);
      if (maven === undefined) throw new MissingToolError(`Maven (mvn) was not found: ${options.remedy}`);
      await writeFile(join(building, 'pom.xml'), pomOf(options.artifacts));
      // A repository of its own: ~/.m2 may not be writable, and nothing in it is needed twice.
      const repository = join(building, 'repository');
      await runCommand(maven, ['-q', '-B', '-Dstyle.color=never', `-Dmaven.repo.local=${repository}`, COPY, '-DoutputDirectory=lib', '-DincludeScope=runtime'], {
        env: options.env,
        cwd: building,
        signal: options.signal,
      });
      await rm(repository, { recursive: true });
    },
    { signal: options.signal, ...(options.onFetching ? { onMissing: options.onFetching } : {}) },
  );
  const lib = join(folder, 'lib');
  const jars = (await readdir(lib)).filter((name) => name.endsWith('.jar')).sort();
  return jars.map((jar) => join(lib, jar)).join(delimiter);
}

/** The major version in the output of `java -version`; older Javas call 8 "1.8". */
export function javaMajor(output: string): number | undefined {
  const [, first, second] = /version "(\d+)(?:\.(\d+))?/.exec(output) ?? [];
  if (first === undefined) return undefined;
  return first === '1' ? Number(second) : Number(first);
}

/**
 * The `java` to use: JAVA_HOME's or PATH's.
 * @throws MissingToolError when there is none of at least that version.
 */
export async function findJava(minimum: number, env: Environment, remedy: string): Promise<string> {
  const home = env['JAVA_HOME'];
  const java = (home ? await onPath(['java'], { PATH: join(home, 'bin') }) : undefined) ?? (await onPath(['java'], env));
  if (java === undefined) throw new MissingToolError(`Java was not found: ${remedy}`);
  const major = javaMajor(await runCommand(java, ['-version'], { env, timeoutMs: 20_000 }));
  if (major === undefined || major < minimum) {
    throw new MissingToolError(`Java ${major ?? 'of an unknown version'} is too old (${java}): ${remedy}`);
  }
  return java;
}
