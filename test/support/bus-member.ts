/** A consumer in a process of its own, to be killed: prints the number of each message it has begun and has done. */
import { busFixture, numberOf } from './bus-fixture.js';

const [brokers = '', topic = '', workMs = '20'] = process.argv.slice(2);
const bus = busFixture(brokers);
await bus
  .consumer(topic, async (message) => {
    await new Promise((resolve) => setTimeout(resolve, Number(workMs)));
    process.stdout.write(`${numberOf(message)}\n`);
  }, { sessionTimeoutMs: 6000 })
  .start();
