// Turns "so many of each" into the exact processes: node ids, ports, folders, command lines.
import path from 'node:path';

import { BrokerError } from '@robustmq/errors';

import { FreePorts, isPortFree } from './ports.ts';
import { repositoryRoot } from './repository.ts';
import {
  commandLine,
  nodeFlagsOf,
  type ProcessSpec,
  SERVICE_FACTS,
  type ServiceName,
  SERVICES,
} from './service.ts';

const LOOPBACK = '127.0.0.1';
/** Hosts that stand for every address of the machine: nobody can dial them. */
const UNSPECIFIED: ReadonlySet<string> = new Set(['0.0.0.0', '::']);
/** Each service gets a block of this many ports above the base, so that adding a node moves no other's port. */
const BASE_PORT_BLOCK = 40;

/** How many processes of each service. */
export type Counts = Readonly<Record<ServiceName, number>>;

/** One of each: what `npm start` runs. */
export const ONE_OF_EACH: Counts = {
  'meta-service': 1,
  'journal-server': 1,
  'mqtt-gateway': 1,
  'kafka-gateway': 1,
  'admin-api': 1,
};

/** Where ports come from. `default` allows one process of each service only. */
export type PortChoice =
  | { readonly kind: 'default'; readonly overrides?: Readonly<Record<string, number>> }
  | { readonly kind: 'base'; readonly basePort: number }
  | { readonly kind: 'free' };

/** What to plan. */
export interface PlanOptions {
  readonly dataDir: string;
  readonly counts: Counts;
  readonly ports: PortChoice;
  /** Where the ports listen that clients come to; loopback by default. Calls between services always stay there. */
  readonly clientHost?: string;
  /** Further flags per service, after our own: `{'mqtt-gateway': ['--auth.anonymous=true']}`. */
  readonly extraFlags?: Partial<Readonly<Record<ServiceName, readonly string[]>>>;
  /** Further flags of one process, after those of its service: `{'mqtt-2': ['--grpc.advertised=127.0.0.1:7000']}`. */
  readonly nodeExtraFlags?: Readonly<Record<string, readonly string[]>>;
  /** Further flags for node itself, before the script: `--cpu-prof`, `--max-old-space-size=...`. */
  readonly nodeFlags?: Partial<Readonly<Record<ServiceName, readonly string[]>>>;
  readonly env?: Readonly<Record<string, string>>;
}

/** The processes of a cluster, in start order. Counts and ports are checked here, before anything starts. */
export async function planCluster(options: PlanOptions): Promise<ProcessSpec[]> {
  refuseCounts(options.counts);
  const dataDir = path.resolve(options.dataDir);
  const root = repositoryRoot();
  const clientHost = options.clientHost ?? LOOPBACK;
  if (!(await isPortFree(clientHost, 0)))
    throw new BrokerError('invalid_argument', `${clientHost} is no address that this machine can listen on`);
  const ports = new PortTable(options.ports, clientHost);
  const specs: ProcessSpec[] = [];
  const metaAddresses: string[] = [];
  for (const service of SERVICES) {
    for (let n = 1; n <= options.counts[service]; n += 1) {
      const nodeId = `${SERVICE_FACTS[service].nodePrefix}-${n}`;
      const own = await ports.of(service, n);
      const addresses = addressesOf(service, own, clientHost);
      if (service === 'meta-service') metaAddresses.push(addresses['grpc'] ?? '');
      const nodeDir = path.join(dataDir, nodeId);
      specs.push({
        service,
        nodeId,
        addresses,
        dataDir: nodeDir,
        logFile: path.join(dataDir, 'logs', `${nodeId}.log`),
        argv: [
          process.execPath,
          ...nodeFlagsOf(service),
          ...(options.nodeFlags?.[service] ?? []),
          path.join(root, 'apps', service, 'dist', 'main.js'),
          ...commandLine(service, nodeId, nodeDir, own, metaAddresses, [
            // All processes of a cluster share what meta-service makes at its first start.
            `--cluster.secretFile=${path.join(dataDir, 'cluster.secret')}`,
            ...hostFlags(service, options.clientHost),
            ...(options.extraFlags?.[service] ?? []),
            ...(options.nodeExtraFlags?.[nodeId] ?? []),
          ]),
        ],
        env: options.env ?? {},
      });
    }
  }
  return specs;
}

/** What this machine dials to reach each endpoint. */
function addressesOf(
  service: ServiceName,
  ports: Readonly<Record<string, number>>,
  clientHost: string,
): Record<string, string> {
  const facts = SERVICE_FACTS[service].ports;
  const dialled = UNSPECIFIED.has(clientHost) ? LOOPBACK : clientHost;
  return Object.fromEntries(
    facts.map(({ endpoint, hostOption }) => {
      const host = hostOption === undefined ? LOOPBACK : dialled;
      return [endpoint, `${host.includes(':') ? `[${host}]` : host}:${ports[endpoint] ?? 0}`];
    }),
  );
}

function hostFlags(service: ServiceName, clientHost: string | undefined): string[] {
  if (clientHost === undefined) return [];
  return SERVICE_FACTS[service].ports.flatMap(({ hostOption }) =>
    hostOption === undefined ? [] : [`--${hostOption}=${clientHost}`],
  );
}

function refuseCounts(counts: Counts): void {
  for (const service of SERVICES) {
    const count = counts[service];
    if (!Number.isSafeInteger(count) || count < 0) {
      throw new BrokerError('invalid_argument', `the number of ${service} processes must be a whole number`);
    }
  }
  for (const service of ['meta-service', 'journal-server'] as const) {
    if (counts[service] !== 1) {
      throw new BrokerError(
        'unsupported',
        `${service}: exactly one until the cluster release, not ${counts[service]}`,
      );
    }
  }
}

/** Assigns ports and refuses a taken one by the name of its option. */
class PortTable {
  readonly #choice: PortChoice;
  readonly #clientHost: string;
  readonly #free: FreePorts;

  constructor(choice: PortChoice, clientHost: string) {
    this.#choice = choice;
    this.#clientHost = clientHost;
    this.#free = new FreePorts(LOOPBACK, process.pid);
  }

  async of(service: ServiceName, n: number): Promise<Record<string, number>> {
    const own: Record<string, number> = {};
    for (const [index, fact] of SERVICE_FACTS[service].ports.entries()) {
      own[fact.endpoint] = await this.#port(service, n, index);
    }
    return own;
  }

  async #port(service: ServiceName, n: number, index: number): Promise<number> {
    const facts = SERVICE_FACTS[service].ports;
    const fact = facts[index];
    if (fact === undefined) throw new BrokerError('internal', `${service} has no port number ${index}`);
    const choice = this.#choice;
    if (choice.kind === 'free') return this.#free.take();
    if (choice.kind === 'default') {
      if (n > 1)
        throw new BrokerError('invalid_argument', 'well-known ports serve one process of each service only');
      const option = portOption(service, fact.endpoint);
      return this.#checked(choice.overrides?.[option] ?? fact.defaultPort, service, fact, `--${option}`);
    }
    const block = SERVICES.indexOf(service) * BASE_PORT_BLOCK;
    const offset = (n - 1) * facts.length + index;
    if (offset >= BASE_PORT_BLOCK)
      throw new BrokerError('invalid_argument', `too many ${service} processes for one base port`);
    return this.#checked(choice.basePort + block + offset, service, fact, '--base-port');
  }

  async #checked(
    port: number,
    service: ServiceName,
    { hostOption }: { readonly hostOption?: string },
    option: string,
  ): Promise<number> {
    if (port > 65_535)
      throw new BrokerError('invalid_argument', `port ${port} of ${service} is out of range (${option})`);
    if (await isPortFree(hostOption === undefined ? LOOPBACK : this.#clientHost, port)) return port;
    throw new BrokerError(
      'conflict',
      `port ${port} of ${service} is taken: free it or choose another with ${option}`,
      {
        details: { port, option },
      },
    );
  }
}

/** The option of the launcher that moves one default port: `mqtt-port`, `kafka-ops-port`, `http-port`. */
export function portOption(service: ServiceName, endpoint: string): string {
  const prefix = SERVICE_FACTS[service].nodePrefix;
  return endpoint === prefix || endpoint === 'ws' || endpoint === 'http'
    ? `${endpoint}-port`
    : `${prefix}-${endpoint}-port`;
}
