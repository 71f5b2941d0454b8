// What each service is called, which ports it listens on and how its command line reads. The only place that knows.

/** The services that a cluster is made of, in the order in which they start. */
export const SERVICES = [
  'meta-service',
  'journal-server',
  'mqtt-gateway',
  'kafka-gateway',
  'admin-api',
] as const;

/** One of {@link SERVICES}: also the name of its folder under `apps/`. */
export type ServiceName = (typeof SERVICES)[number];

/** Which services drain together, in order: those that hold clients first, what they depend on last. */
export const DRAIN_STAGES: readonly (readonly ServiceName[])[] = [
  ['admin-api', 'mqtt-gateway', 'kafka-gateway'],
  ['journal-server'],
  ['meta-service'],
];

interface PortFact {
  /** Name of the endpoint, as in the node's row in meta. */
  readonly endpoint: string;
  /** The option that sets it, without dashes. */
  readonly option: string;
  readonly defaultPort: number;
  /** The option of the address to listen on, of the ports that clients come to; the others stay on loopback. */
  readonly hostOption?: string;
}

interface ServiceFact {
  /** Start of its node ids: `meta` gives `meta-1`. */
  readonly nodePrefix: string;
  readonly ports: readonly PortFact[];
  /** The endpoint that answers `/readyz`. */
  readonly healthEndpoint: string;
  readonly ownsData: boolean;
  readonly needsMeta: boolean;
}

/** Facts per service; the default ports are those of `npm start`. */
export const SERVICE_FACTS: Readonly<Record<ServiceName, ServiceFact>> = {
  'meta-service': {
    nodePrefix: 'meta',
    ports: [
      { endpoint: 'grpc', option: 'grpc.port', defaultPort: 1228 },
      { endpoint: 'ops', option: 'ops.port', defaultPort: 58081 },
    ],
    healthEndpoint: 'ops',
    ownsData: true,
    needsMeta: false,
  },
  'journal-server': {
    nodePrefix: 'journal',
    ports: [
      { endpoint: 'grpc', option: 'grpc.port', defaultPort: 1778 },
      { endpoint: 'ops', option: 'ops.port', defaultPort: 58082 },
    ],
    healthEndpoint: 'ops',
    ownsData: true,
    needsMeta: true,
  },
  'mqtt-gateway': {
    nodePrefix: 'mqtt',
    ports: [
      { endpoint: 'mqtt', option: 'mqtt.port', defaultPort: 1883, hostOption: 'mqtt.host' },
      { endpoint: 'ws', option: 'ws.port', defaultPort: 8083, hostOption: 'ws.host' },
      { endpoint: 'grpc', option: 'grpc.port', defaultPort: 1229 },
      { endpoint: 'ops', option: 'ops.port', defaultPort: 58083 },
    ],
    healthEndpoint: 'ops',
    ownsData: false,
    needsMeta: true,
  },
  'kafka-gateway': {
    nodePrefix: 'kafka',
    ports: [
      { endpoint: 'kafka', option: 'kafka.port', defaultPort: 9092, hostOption: 'kafka.host' },
      { endpoint: 'ops', option: 'ops.port', defaultPort: 58084 },
    ],
    healthEndpoint: 'ops',
    ownsData: false,
    needsMeta: true,
  },
  'admin-api': {
    nodePrefix: 'admin',
    ports: [
      { endpoint: 'http', option: 'http.port', defaultPort: 58080, hostOption: 'http.host' },
      { endpoint: 'ops', option: 'ops.port', defaultPort: 58085 },
    ],
    healthEndpoint: 'ops',
    ownsData: false,
    needsMeta: true,
  },
};

const SMALL_YOUNG_GENERATION = '--max-semi-space-size=4';
/** By how much of what is live the heap may grow before all of it is collected, in percent; else node's own, about a half. */
const HEAP_GROWTH_PERCENT: Partial<Readonly<Record<ServiceName, number>>> = {
  'mqtt-gateway': 400,
  'journal-server': 400,
  'kafka-gateway': 200,
};

/**
 * Flags of node for a service. A young generation of 4 MB holds what one turn of the event loop leaves, so that idle connections do
 * not pay for a large one. Record data lives outside of V8's heap and passes through quickly: beside a small live heap it made V8
 * collect all of it eight times a second under load, a third of a gateway's CPU; there the heap may grow to five times what is
 * live before that. In kafka-gateway only to three times: its answers are large, and what is dead of them has to go soon (I8).
 */
export function nodeFlagsOf(service: ServiceName): readonly string[] {
  const growth = HEAP_GROWTH_PERCENT[service];
  return growth === undefined
    ? [SMALL_YOUNG_GENERATION]
    : [SMALL_YOUNG_GENERATION, `--heap-growing-percent=${growth}`];
}

/** `host:port` per endpoint name of one process. */
export type Addresses = Readonly<Record<string, string>>;

/** Everything that starts one process again: nothing else is remembered about it. */
export interface ProcessSpec {
  readonly service: ServiceName;
  readonly nodeId: string;
  readonly addresses: Addresses;
  /** The process's own folder; gateways have one too, empty unless they choose to write there. */
  readonly dataDir: string;
  readonly logFile: string;
  /** The exact program and arguments. */
  readonly argv: readonly string[];
  /** What is set on top of the parent's environment. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The flags of a process that say who and where it is, and `extraFlags` of the form `--name=value`, which replace ours
 * of the same name: an app refuses a flag that is given twice.
 */
export function commandLine(
  service: ServiceName,
  nodeId: string,
  dataDir: string,
  ports: Readonly<Record<string, number>>,
  metaAddresses: readonly string[],
  extraFlags: readonly string[],
): string[] {
  const facts = SERVICE_FACTS[service];
  const flags = [`--node.id=${nodeId}`];
  if (facts.ownsData) flags.push(`--data.dir=${dataDir}`);
  for (const port of facts.ports) flags.push(`--${port.option}=${ports[port.endpoint] ?? 0}`);
  if (facts.needsMeta) flags.push(`--meta.addresses=${metaAddresses.join(',')}`);
  const byName = new Map([...flags, ...extraFlags].map((flag) => [flag.split('=', 1)[0], flag]));
  return [...byName.values()];
}
