import { build } from '../../build.mjs';

/** Programs that tests start are those that users start: built, and of the sources as they are now. Beside them, the worker of a release to come. */
export default async function setup(): Promise<void> {
  await build(['test/next-release']);
}
