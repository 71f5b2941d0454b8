// mosquitto_pub and mosquitto_sub: the clients that most people try first.
import { type Brokers, startBrokers } from '../cluster/brokers.ts';
import { Program, runProgram } from './program.ts';

let brokers: Brokers;
let port: string;

beforeAll(async () => {
  brokers = await startBrokers();
  port = String(brokers.mqttPort);
});
afterAll(() => brokers.remove());

/** A subscriber that says when its SUBACK has come. */
async function subscriber(...args: string[]): Promise<Program> {
  const program = new Program('stdbuf', ['-oL', 'mosquitto_sub', '-p', port, '-d', ...args]);
  await program.waitForText('Subscribed (mid');
  return program;
}

/** The messages among the debug lines of mosquitto_sub. */
function messages(program: Program): string[] {
  return program.lines.filter((line) => !line.startsWith('Client ') && !line.startsWith('Subscribed'));
}

async function publish(...args: string[]): Promise<string> {
  const { stdout, stderr } = await runProgram('mosquitto_pub', ['-p', port, ...args]);
  return stdout + stderr;
}

async function received(program: Program, count: number): Promise<string[]> {
  for (let lines = count; messages(program).length < count; lines += 1) await program.waitForLines(lines);
  return messages(program);
}

describe.each(['mqttv31', 'mqttv311', 'mqttv5'])('%s', (version) => {
  test.each([0, 1])('QoS %i reaches a subscriber of the exact topic and one of a wildcard', async (qos) => {
    const topic = `mosquitto/${version}/${qos}/room`;
    const exact = await subscriber('-V', version, '-t', topic, '-q', String(qos));
    const wildcard = await subscriber(
      '-V',
      version,
      '-t',
      `mosquitto/${version}/${qos}/+`,
      '-q',
      String(qos),
      '-v',
    );
    await publish('-V', version, '-t', topic, '-q', String(qos), '-m', 'warm');
    expect(await received(exact, 1)).toEqual(['warm']);
    expect(await received(wildcard, 1)).toEqual([`${topic} warm`]);
    await Promise.all([exact.stop(), wildcard.stop()]);
  });

  test('a durable session receives in order what was published while it was away (I3, I5)', async () => {
    const topic = `mosquitto/${version}/backlog`;
    const durable = [
      '-V',
      version,
      '-i',
      `durable-${version}`,
      '-t',
      topic,
      '-q',
      '1',
      '-c',
      ...(version === 'mqttv5' ? ['-x', '3600'] : []),
    ];
    const first = await subscriber(...durable);
    await first.stop();
    const lines = Array.from({ length: 50 }, (_, n) => `message ${n}`);
    await runProgram('mosquitto_pub', ['-p', port, '-V', version, '-t', topic, '-q', '1', '-l'], {
      input: `${lines.join('\n')}\n`,
    });
    const back = new Program('stdbuf', ['-oL', 'mosquitto_sub', '-p', port, ...durable, '-C', '50']);
    expect((await back.result()).stdout.trimEnd().split('\n')).toEqual(lines);
  });
});

test('a publish that needs no matching subscriber is acknowledged', async () => {
  expect(await publish('-d', '-q', '1', '-t', 'mosquitto/nobody', '-m', 'x')).toContain('received PUBACK');
});

test('user properties, content type and response topic arrive as they were sent [MQTT-3.3.2-15..18]', async () => {
  const program = await subscriber(
    '-V',
    'mqttv5',
    '-q',
    '1',
    '-t',
    'mosquitto/properties',
    '-F',
    '%P|%C|%R|%p',
  );
  const properties = ['user-property', 'colour', 'blue'];
  await publish(
    ...['-V', 'mqttv5', '-q', '1', '-t', 'mosquitto/properties', '-m', 'body'],
    ...[
      '-D',
      'publish',
      ...properties,
      '-D',
      'publish',
      'content-type',
      'text/plain',
      '-D',
      'publish',
      'response-topic',
      'answers',
    ],
  );
  expect(await received(program, 1)).toEqual(['colour:blue|text/plain|answers|body']);
  await program.stop();
});

test('a QoS 2 subscription is granted QoS 1 and a 3.1.1 publish with retain is delivered unstored', async () => {
  const program = await subscriber('-t', 'mosquitto/retain', '-q', '2', '-F', '%q %r %p');
  expect(program.stdout).toMatch(/Subscribed \(mid: 1\): 1/);
  await publish('-t', 'mosquitto/retain', '-q', '1', '-r', '-m', 'kept?');
  expect(await received(program, 1)).toEqual(['1 0 kept?']);
  const late = new Program('stdbuf', [
    '-oL',
    'mosquitto_sub',
    '-p',
    port,
    '-t',
    'mosquitto/retain',
    '-q',
    '1',
    '-W',
    '1',
  ]);
  expect((await late.result()).stdout).toBe('');
  await program.stop();
});
