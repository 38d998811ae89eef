import { defaultPayloadConverter, type Payload, type PayloadConverter } from '@temporalio/common';

/**
 * Reads what workflows are given. Anyone may signal a workflow with `temporal workflow signal`, in any encoding: what cannot
 * be read counts as an input of no known form, where the usual converter would fail the workflow's every task from then on.
 */
export const payloadConverter: PayloadConverter = {
  toPayload: defaultPayloadConverter.toPayload.bind(defaultPayloadConverter),
  fromPayload: readAnything,
};

const UNREADABLE = { unreadable: true };

// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- it is the interface's: whoever asks says what it expects
function readAnything<T>(payload: Payload): T {
  try {
    return defaultPayloadConverter.fromPayload<T>(payload);
  } catch {
    return UNREADABLE as T;
  }
}
