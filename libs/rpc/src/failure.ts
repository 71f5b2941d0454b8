// common.v1.Failure: an error inside a batch of outcomes, where one entry fails and the others do not.
import { create } from '@bufbuild/protobuf';
import { BrokerError, isErrorCode } from '@robustmq/errors';
import { FailureSchema, type Failure } from './generated/robustmq/common/v1/common_pb.ts';

/** The error as an outcome of a batch entry. */
export function toFailure(thrown: unknown): Failure {
  const error = BrokerError.from(thrown);
  const details = Object.fromEntries(
    Object.entries(error.details).map(([key, value]) => [key, String(value)]),
  );
  return create(FailureSchema, { code: error.code, message: error.message, details });
}

/** The entry's error, or undefined when it succeeded (no failure, or one with an empty code). */
export function fromFailure(failure: Failure | undefined): BrokerError | undefined {
  if (failure === undefined || failure.code === '') return undefined;
  const code = isErrorCode(failure.code) ? failure.code : 'internal';
  return new BrokerError(code, failure.message, { details: failure.details });
}
