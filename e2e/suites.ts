// The end-to-end suites of `npm test`: one file each, with what it needs and how long it may take.
import type { Need } from './install/needs.ts';

const MINUTE_MS = 60_000;

/** One suite: one test file that needs more than the sources, mostly a cluster of its own. */
export interface Suite {
  /** The folder that has the suite's jest configuration, where it is not this package. */
  readonly folder?: string;
  /** The test file, within its folder. */
  readonly file: string;
  readonly title: string;
  readonly needs: readonly Need[];
  readonly limitMs: number;
}

/** All suites, in the order in which they run. */
export const SUITES: readonly Suite[] = [
  {
    file: 'cluster/start-stop.test.ts',
    title: 'start, drain, start again',
    needs: ['kcat'],
    limitMs: 2 * MINUTE_MS,
  },
  {
    file: 'cluster/launcher.test.ts',
    title: 'npm start, npm run cluster',
    needs: ['linux'],
    limitMs: 5 * MINUTE_MS,
  },
  {
    file: 'telemetry/exposition.test.ts',
    title: 'the judge of the metrics',
    needs: [],
    limitMs: MINUTE_MS,
  },
  {
    file: 'telemetry/telemetry.test.ts',
    title: 'metrics, log, traces, HTTP API',
    needs: [],
    limitMs: 2 * MINUTE_MS,
  },
  {
    file: 'clients/mosquitto.test.ts',
    title: 'mosquitto_pub, mosquitto_sub',
    needs: ['mosquitto-clients'],
    limitMs: 2 * MINUTE_MS,
  },
  { file: 'clients/mqttjs.test.ts', title: 'MQTT.js', needs: [], limitMs: 2 * MINUTE_MS },
  {
    file: 'clients/mqtt-sessions.test.ts',
    title: 'durable sessions on two gateways',
    needs: [],
    limitMs: 3 * MINUTE_MS,
  },
  { file: 'clients/paho.test.ts', title: 'paho-mqtt', needs: ['python-clients'], limitMs: 2 * MINUTE_MS },
  { file: 'clients/kcat.test.ts', title: 'kcat', needs: ['kcat'], limitMs: 2 * MINUTE_MS },
  { file: 'clients/kafkajs.test.ts', title: 'kafkajs', needs: [], limitMs: 2 * MINUTE_MS },
  {
    file: 'clients/confluent.test.ts',
    title: 'confluent-kafka',
    needs: ['python-clients'],
    limitMs: 2 * MINUTE_MS,
  },
  {
    folder: 'libs/kafka-codec/oracle',
    file: 'oracle.test.ts',
    title: "the Kafka codec beside Apache Kafka's own classes",
    needs: ['maven'],
    limitMs: 3 * MINUTE_MS,
  },
  {
    file: 'clients/kafka-java.test.ts',
    title: 'Apache Kafka 4.3.1 tools and Java client',
    needs: ['kafka-jars'],
    limitMs: 6 * MINUTE_MS,
  },
  {
    file: 'clients/kafka-wire.test.ts',
    title: "Kafka's protocol on the wire, two gateways",
    needs: ['linux'],
    limitMs: 3 * MINUTE_MS,
  },
  {
    file: 'clients/one-log.test.ts',
    title: 'one log under both protocols',
    needs: [],
    limitMs: 3 * MINUTE_MS,
  },
  { file: 'clients/bad-input.test.ts', title: 'bad input', needs: ['linux'], limitMs: 3 * MINUTE_MS },
  {
    file: 'clients/internal-ports.test.ts',
    title: 'strangers at the internal ports',
    needs: ['linux'],
    limitMs: 3 * MINUTE_MS,
  },
  { file: 'clients/bombs.test.ts', title: 'compressed bombs', needs: ['linux'], limitMs: 4 * MINUTE_MS },
  {
    file: 'attacks/attacks.test.ts',
    title: 'under attack by strangers',
    needs: ['linux'],
    limitMs: 5 * MINUTE_MS,
  },
  {
    file: 'release/open.test.ts',
    title: 'the data of the last release',
    needs: ['linux'],
    limitMs: 3 * MINUTE_MS,
  },
  {
    file: 'simulation/whole-world.simulation.test.ts',
    title: 'the whole system in simulated worlds',
    needs: [],
    limitMs: 15 * MINUTE_MS,
  },
  {
    file: 'simulation/ledger.test.ts',
    title: 'the judge of the simulated worlds',
    needs: [],
    limitMs: MINUTE_MS,
  },
  { file: 'bench/compare.test.ts', title: 'the judge of speeds', needs: [], limitMs: MINUTE_MS },
  { file: 'bench/options.test.ts', title: 'options of the benchmark', needs: [], limitMs: MINUTE_MS },
  { file: 'chaos/ledger.test.ts', title: 'the judge of the fault suites', needs: [], limitMs: MINUTE_MS },
  {
    file: 'chaos/kill.test.ts',
    title: 'kill -9',
    needs: ['linux', 'kcat', 'python-clients'],
    limitMs: 8 * MINUTE_MS,
  },
  {
    file: 'chaos/pause.test.ts',
    title: 'SIGSTOP beyond the lease',
    needs: ['linux', 'kcat', 'python-clients'],
    limitMs: 4 * MINUTE_MS,
  },
  {
    file: 'chaos/meta-outage.test.ts',
    title: 'outages of meta-service',
    needs: ['linux', 'kcat', 'python-clients'],
    limitMs: 4 * MINUTE_MS,
  },
  {
    file: 'chaos/meta-disk.test.ts',
    title: 'the disk of meta-service',
    needs: ['loop-devices', 'kcat', 'python-clients'],
    limitMs: 4 * MINUTE_MS,
  },
  {
    file: 'chaos/clock-jump.test.ts',
    title: 'a wall clock that jumps',
    needs: ['linux', 'kcat', 'python-clients'],
    limitMs: 3 * MINUTE_MS,
  },
  {
    file: 'chaos/cut-links.test.ts',
    title: 'cut links',
    needs: ['linux', 'kcat', 'python-clients'],
    limitMs: 6 * MINUTE_MS,
  },
  {
    file: 'chaos/power-cut.test.ts',
    title: 'power cut',
    needs: ['loop-devices', 'kcat', 'python-clients'],
    limitMs: 5 * MINUTE_MS,
  },
  {
    file: 'chaos/power-mutants.test.ts',
    title: 'the judge of the power cut',
    needs: ['loop-devices', 'kcat', 'python-clients'],
    limitMs: 4 * MINUTE_MS,
  },
];
