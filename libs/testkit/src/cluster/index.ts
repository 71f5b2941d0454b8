// A cluster of real processes, for `npm start`, `npm run cluster`, tests and benchmarks.
export { Cluster } from './cluster.ts';
export { type ClusterFile, type ClusterFileProcess, shellLine } from './cluster-file.ts';
export { answersOk, waitUntil } from './conditions.ts';
export { claimDataFolder } from './data-folder.ts';
export { LOOPBACK_DEFAULTS } from './loopback-defaults.ts';
export {
  ManagedProcess,
  type ManagedProcessOptions,
  type ProcessExit,
  type RestartPolicy,
} from './managed-process.ts';
export { type Counts, ONE_OF_EACH, type PlanOptions, type PortChoice, portOption } from './plan.ts';
export { FreePorts, isPortFree } from './ports.ts';
export { buildStaleApps, repositoryRoot } from './repository.ts';
export { type ProcessSpec, SERVICE_FACTS, type ServiceName, SERVICES } from './service.ts';
