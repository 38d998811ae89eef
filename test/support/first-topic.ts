import { Kafka, logLevel } from 'kafkajs';

/** Creates a topic on a broker that has none, and gives the topics that it has then. */
export async function createFirstTopic(brokers: string, topic: string): Promise<string[]> {
  const admin = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await admin.createTopics({ topics: [{ topic }], waitForLeaders: true });
    return await admin.listTopics();
  } finally {
    await admin.disconnect();
  }
}
