import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../settings.js';
import { cached, defaultCacheDir } from './cache.js';
import { findJava, mavenClassPath } from './maven.js';

export const TEST_SERVER_VERSION = '1.31.0';
const JAVA_MINIMUM = 11;
const REMEDY = 'install Java 11 or newer and Maven (Debian: openjdk-17-jre-headless and maven).';

/**
 * A program that runs Temporal's time-skipping test server, made from its Maven artifact.
 * @throws MissingToolError when Java or Maven is missing.
 */
export async function timeSkippingServer(env: Environment, cacheDir: string = defaultCacheDir(env)): Promise<string> {
  const java = await findJava(JAVA_MINIMUM, env, REMEDY);
  const classPath = await mavenClassPath({
    cacheDir,
    key: `temporal-test-server-${TEST_SERVER_VERSION}`,
    artifacts: [{ group: 'io.temporal', artifact: 'temporal-test-server', version: TEST_SERVER_VERSION }],
    env,
    remedy: REMEDY,
  });
  const folder = await cached(cacheDir, `temporal-test-server-${TEST_SERVER_VERSION}-run`, async (building) => {
    const script = `#!/bin/sh\nexec "\${JAVA:-java}" -XX:TieredStopAtLevel=1 -Xshare:auto -cp '${classPath}' io.temporal.testserver.TestServer "$@"\n`.replace('${JAVA:-java}', java);
    await writeFile(join(building, 'test-server'), script);
    await chmod(join(building, 'test-server'), 0o755);
  });
  return join(folder, 'test-server');
}
