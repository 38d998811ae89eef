import { afterAll, beforeAll, expect, test } from 'vitest';
import { receive } from '../../store/ledger/receive.js';
import { WORKFLOW_TYPES, workflowIdFor, type DeletionInput } from '../../contracts/names/index.js';
import { deletionStart } from '../../bridges/workflow-starts.js';
import { freshId, testPolicy, userSubject } from '../support/deletions.js';
import { textsIn } from '../support/history-json.js';
import { waitFor } from '../support/wait-for.js';
import { openWorkflowHouse, type WorkflowHouse } from '../support/workflow-house.js';

let house: WorkflowHouse;
beforeAll(async () => {
  house = await openWorkflowHouse({ server: 'real' });
}, 300_000);
afterAll(() => house.close());

// Nothing that a number or an id may hold by chance.
const USER = 'person-zweig@example.org';
const WORDS = 'Key (email)=(person-zweig@example.org) is still referenced, says Airflow';
const BY = 'requester-of-the-account-service';

test('Temporal keeps no user id, none of Airflow\'s words and no requester of a user\'s deletion, however it goes', async () => {
  const subject = userSubject();
  const requestId = freshId('req');
  const input: DeletionInput = { requestId, traceId: 'trace-1', subject, gdprMode: true, dryRun: false, graceMs: 0, policy: { ...testPolicy, autoRetries: 1, retryBackoffMs: 10, parkingWindowMs: 1_000 } };
  const workflowId = workflowIdFor(subject);
  await receive(house.database, { input, workflowId, userId: USER, requestedBy: BY, reason: `asked for by ${USER}`, source: BY, requestedAt: new Date(), messages: [] });
  const handle = await house.client.workflow.start(WORKFLOW_TYPES.user, { ...deletionStart(input, workflowId), args: [input] });
  await house.untilStatus(requestId, 'SENT_TO_AIRFLOW');
  await house.jobResult(`del_req_${requestId}`, 'FAILURE', 'DAG_FAILED', WORDS);
  await house.until(requestId, 'second attempt', ({ deletion }) => deletion.status === 'SENT_TO_AIRFLOW' && deletion.attempt === 2);
  await house.jobResult(`del_req_${requestId}~2`, 'FAILURE', 'DAG_FAILED', WORDS);
  await house.until(requestId, 'told again', ({ timeline }) => timeline.some(({ what }) => what === 'told again'));

  // An error of PostgreSQL names the row that it refuses, and with it the user.
  await house.database.rows(`ALTER TABLE outbox ADD CONSTRAINT refuses_triggers CHECK (destination <> 'airflow.pipeline.trigger') NOT VALID`);
  await handle.signal('retry', { by: 'olga' });
  const pending = await waitFor('the activity that fails', async () => {
    const { raw } = await handle.describe();
    return raw.pendingActivities?.find(({ lastFailure }) => lastFailure);
  });
  const inFlight = JSON.stringify(pending);
  expect(inFlight).toContain('ContentRefused');
  for (const secret of [USER, 'zweig', WORDS, BY]) expect(inFlight).not.toContain(secret);
  await house.database.rows('ALTER TABLE outbox DROP CONSTRAINT refuses_triggers');
  await house.until(requestId, 'third attempt', ({ deletion }) => deletion.attempt === 3);
  await house.jobResult(`del_req_${requestId}~3`, 'SUCCESS', undefined, WORDS);
  await handle.result();

  const history = await handle.fetchHistory();
  const texts = textsIn(JSON.parse(JSON.stringify(history)));
  const kept = texts.join('\n');
  expect(kept).toContain(requestId);
  expect(kept).toContain('olga');
  for (const secret of [USER, 'zweig', 'example.org', WORDS, 'says Airflow', BY]) expect(kept).not.toContain(secret);
  // What may not be in Temporal is in the ledger.
  const { deletion, attempts } = await house.read(requestId);
  expect([deletion.userId, deletion.requestedBy, attempts[0]?.errorText]).toEqual([USER, BY, WORDS]);
}, 90_000);
