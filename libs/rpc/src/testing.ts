// What tests of other packages need: a server of their own and a client with a given secret.

export { type ClientOptions } from './client.ts';
export { ClusterSecret } from './cluster-secret.ts';
export { serviceDefinition } from './service-definition.ts';
export { bytesOfWatchResponse } from './watch-codec.ts';
