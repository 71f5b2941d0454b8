// A cluster of real processes, for `npm start`, `npm run cluster`, tests and benchmarks.
export { Cluster } from './cluster.ts';
export { type ClusterFile, type ClusterFileProcess, shellLine } from './cluster-file.ts';
export { answersOk, waitUntil } from './conditions.ts';
export { claimDataFolder } from './data-folder.ts';
export { LOOPBACK_DEFAULTS } from './loopback-defaults.ts';
export { ManagedProcess, type RestartPolicy } from './managed-process.ts';
export { ONE_OF_EACH, type PlanOptions, portOption } from './plan.ts';
export { FreePorts } from './ports.ts';
export { buildStaleApps, repositoryRoot } from './repository.ts';
export { SERVICE_FACTS, type ServiceName, SERVICES } from './service.ts';
