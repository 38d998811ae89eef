import { afterAll, beforeAll, expect, test } from 'vitest';
import { openWorkflowHouse, type WorkflowHouse } from '../support/workflow-house.js';

let house: WorkflowHouse;
beforeAll(async () => {
  house = await openWorkflowHouse();
}, 300_000);
afterAll(() => house.close());

test('signals in an encoding that nobody can read count as signals without input, and stall nothing', async () => {
  const running = await house.start({ subject: { kind: 'user', subjectRef: 'v1.unreadable' } });
  const { requestId } = running.input;
  await house.until(requestId, 'sent', ({ deletion }) => deletion.status === 'SENT_TO_AIRFLOW');
  const signal = (signalName: string, encoding: string, data: string) =>
    house.environment.client.workflowService.signalWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: running.workflowId },
      signalName,
      input: { payloads: [{ metadata: { encoding: Buffer.from(encoding) }, data: Buffer.from(data) }] },
    });
  await signal('airflowResult', 'never/heard-of', 'x');
  await signal('join', 'json/plain', '{broken');
  await signal('hold', 'never/heard-of', 'x');
  const { timeline } = await house.until(requestId, 'held', (record) => record.timeline.some(({ what }) => what === 'held'));
  expect(timeline.at(-1)).toMatchObject({ what: 'held', person: null, reason: null });
  await house.result(running, 1, 'SUCCESS');
  expect(await running.handle.result()).toMatchObject({ outcome: 'COMPLETED' });
});
