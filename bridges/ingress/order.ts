import { orderByKey, type OrderOf } from '../../bus/delivery.js';
import { TOPICS } from '../../contracts/names/index.js';
import { MessageFault, parseServiceDeletionRequest } from '../../contracts/topics/index.js';

/**
 * The order of what comes in: by key, but requests for a tenant's services do not wait for one another, however many the tenant
 * gives up at once; those for one of them do.
 */
export const orderByInstance: OrderOf = (message) => {
  if (message.topic !== TOPICS.serviceDeletionRequest) return orderByKey(message);
  try {
    const { tenantId, serviceInstanceId } = parseServiceDeletionRequest(message).payload;
    return `${tenantId}/${serviceInstanceId}`;
  } catch (error) {
    // Its handler meets the same, and keeps it as a dead letter.
    if (error instanceof MessageFault) return orderByKey(message);
    throw error;
  }
};
