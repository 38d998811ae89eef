import { fileURLToPath } from 'node:url';
import { WorkflowNotFoundError } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { consumeAs, kafkaFor } from '../../bridges/bus-connection.js';
import { createAirflowApi } from '../../bridges/trigger/airflow-api.js';
import type { MessageHandler } from '../../bus/messages.js';
import { createProducer } from '../../bus/producer.js';
import { serviceRequestId, TOPICS } from '../../contracts/names/index.js';
import type { AirflowResult, AirflowTrigger, ServiceDeletionRequest, UserDeletionRequest } from '../../contracts/topics/index.js';
import type { StartRole } from '../../platform/roles.js';
import { connectClient, connectWorker } from '../../platform/temporal.js';
import { workerSettings } from '../../platform/temporal-runtime.js';
import { createBareActivities } from './activities.js';
import { BARE_RESULT_SIGNAL, BARE_TASK_QUEUE, BARE_WORKFLOWS, bareWorkflowId, type BareInput, type BareKind } from './names.js';

const JOB_PREFIX = 'del_req_';
const jsonOf = (value: Buffer | null): unknown => JSON.parse(value?.toString('utf8') ?? '');

/** One worker with the settings of the product's default lane. */
export const startBareWorker: StartRole = async ({ config, log, stopping }) => {
  Runtime.install({ shutdownSignals: [], logger: new DefaultLogger('WARN') });
  const connection = await connectWorker(config, { log, ...(stopping && { signal: stopping }) });
  const producer = createProducer({ kafka: kafkaFor('worker', config, log), log });
  const worker = await Worker.create({
    connection,
    namespace: config.temporal.namespace,
    taskQueue: BARE_TASK_QUEUE,
    workflowBundle: await bundleWorkflowCode({ workflowsPath: fileURLToPath(new URL('./workflows.js', import.meta.url)), logger: new DefaultLogger('ERROR') }),
    activities: createBareActivities(producer),
    ...workerSettings(config, config.policy.defaults.workerSlots),
  });
  const running = worker.run();
  running.catch((error: unknown) => log.fatal({ err: error }, 'the worker ended'));
  return {
    ready: () => worker.getState() === 'RUNNING',
    stop: async () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await Promise.allSettled([running]);
      await producer.close();
      await connection.close();
    },
  };
};

/** Starts a workflow for every request. */
export const startBareIngress = (kind: BareKind): StartRole => async (deps) => {
  const { config, log, stopping } = deps;
  const temporal = await connectClient(config, { log, signal: stopping });
  const start = async (input: BareInput): Promise<void> => {
    await temporal.client.workflow.start(BARE_WORKFLOWS[kind], { taskQueue: BARE_TASK_QUEUE, workflowId: bareWorkflowId(input.requestId), args: [input] });
  };
  const user: MessageHandler = ({ value }) => {
    const { eventId, traceId, payload: { userId } } = jsonOf(value) as UserDeletionRequest;
    return start({ requestId: eventId, traceId, kind: 'user', key: userId });
  };
  const service: MessageHandler = ({ value }) => {
    const { traceId, payload: { tenantId, serviceType, serviceInstanceId } } = jsonOf(value) as ServiceDeletionRequest;
    return start({ requestId: serviceRequestId(traceId, serviceInstanceId), traceId, kind: 'service', key: tenantId, serviceType, serviceInstanceId });
  };
  const consumer = consumeAs('ingress', kafkaFor('ingress', config, log), () => ({ [TOPICS.userDeletionRequest]: user, [TOPICS.serviceDeletionRequest]: service }), deps);
  return {
    ready: () => consumer.healthy(),
    stop: async () => {
      await consumer.stop();
      await temporal.close();
    },
  };
};

/** Posts every trigger to Airflow. */
export const startBareTrigger: StartRole = (deps) => {
  const { config, log, metrics } = deps;
  const airflow = createAirflowApi({ baseUrl: config.airflow.apiUrl, credentials: config.airflow.credentials, metrics });
  const post: MessageHandler = async ({ value }) => {
    const { jobId, payload } = jsonOf(value) as AirflowTrigger;
    await airflow.createRun(payload.dag_id, jobId, payload.conf);
  };
  const consumer = consumeAs('trigger', kafkaFor('trigger', config, log), () => ({ [TOPICS.airflowTrigger]: post }), deps);
  return Promise.resolve({ ready: () => consumer.healthy(), stop: () => consumer.stop() });
};

/** Signals every result. */
export const startBareResult: StartRole = async (deps) => {
  const { config, log, stopping } = deps;
  const temporal = await connectClient(config, { log, signal: stopping });
  const signal: MessageHandler = async ({ value }) => {
    const { jobId, status } = jsonOf(value) as AirflowResult;
    try {
      await temporal.client.workflow.getHandle(bareWorkflowId(jobId.slice(JOB_PREFIX.length))).signal(BARE_RESULT_SIGNAL, { status });
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error; // else it has ended: a repeat
    }
  };
  const consumer = consumeAs('result', kafkaFor('result', config, log), () => ({ [TOPICS.airflowResult]: signal }), deps);
  return {
    ready: () => consumer.healthy(),
    stop: async () => {
      await consumer.stop();
      await temporal.close();
    },
  };
};
