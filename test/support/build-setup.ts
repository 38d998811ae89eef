import { build } from '../../build.mjs';

/** Programs that tests start are those that users start: built, and of the sources as they are now. */
export default async function setup(): Promise<void> {
  await build();
}
