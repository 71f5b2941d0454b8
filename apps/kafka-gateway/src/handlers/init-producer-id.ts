// InitProducerId (22) of idempotent producers. A producer that asks again after an error gets a new id, as Kafka gives
// it to producers without a transactional id (KIP-360).
import { KAFKA_ERRORS, type InitProducerIdResponseInput } from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import { groupErrorOf } from '../error-table.ts';

export const initProducerId = api(22, {
  answer: 'fixed',
  access: [{ operation: 'idempotentWrite', resource: 'cluster' }],
  handle: async (request, { gateway }): Promise<InitProducerIdResponseInput> => {
    if (request.transactionalId !== null) {
      // Fatal for the producer; a retriable code would make it wait for ever.
      return failed(
        request.transactionalId === ''
          ? KAFKA_ERRORS.INVALID_REQUEST
          : KAFKA_ERRORS.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
      );
    }
    // Both or none: half of an identity is nobody's.
    if ((request.producerId === -1) !== (request.producerEpoch === -1))
      return failed(KAFKA_ERRORS.INVALID_REQUEST);
    try {
      return { errorCode: KAFKA_ERRORS.NONE, producerId: await gateway.producerIds.next(), producerEpoch: 0 };
    } catch (error) {
      gateway.strangers.warn('producer ids', { err: error }, 'no producer ids to give');
      return failed(KAFKA_ERRORS[groupErrorOf(error)]);
    }
  },
});

function failed(errorCode: number): InitProducerIdResponseInput {
  return { errorCode, producerId: -1, producerEpoch: -1 };
}
