// Calls between services: generated contracts, credentials, deadlines, limits, errors by code.

export { createClient, type Connect, type ServiceClient } from './client.ts';
export { RpcServer, type ServiceHost, type ServiceImplementation, type UnaryContext } from './server.ts';
export { Link } from './link.ts';
export { Credentials } from './credentials.ts';
export { openCredentials } from './open-credentials.ts';
export { FEATURE_LEVEL } from './feature-level.ts';
export { fromFailure, toFailure } from './failure.ts';
export { fromServiceError } from './status.ts';
export { withPieces } from './exchange-codec.ts';
export { CALL_LIMITS } from './limits.ts';
export { encodedWatchResponse } from './watch-codec.ts';
export * from './generated/robustmq/common/v1/common_pb.ts';
export * from './generated/robustmq/meta/v1/cluster_pb.ts';
export * from './generated/robustmq/meta/v1/session_pb.ts';
export * from './generated/robustmq/meta/v1/group_pb.ts';
export * from './generated/robustmq/meta/v1/command_pb.ts';
export * from './generated/robustmq/journal/v1/journal_pb.ts';
export * from './generated/robustmq/gateway/v1/gateway_pb.ts';
