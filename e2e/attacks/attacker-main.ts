// The attacker's process, so that nothing of it runs beside what measures: `attacker-main.ts NAME MS TARGETS`. Prints what it did.
import { BrokerError } from '@robustmq/errors';
import type { Attack, Targets } from './attack.ts';
import { CONTROLS } from './controls.ts';
import { floodTotals } from './flood-socket.ts';
import { KAFKA_ATTACKS } from './kafka-attacks.ts';
import { standLastInLine } from './last-in-line.ts';
import { LOGIN_ATTACKS } from './login-attacks.ts';
import { MQTT_ATTACKS } from './mqtt-attacks.ts';

const ATTACKS: Readonly<Record<string, Attack>> = {
  ...CONTROLS,
  ...KAFKA_ATTACKS,
  ...MQTT_ATTACKS,
  ...LOGIN_ATTACKS,
};

const [name = '', durationMs = '0', targets = '{}'] = process.argv.slice(2);
const attack = ATTACKS[name];
if (attack === undefined) throw new BrokerError('not_found', `no attack ${name}`);
standLastInLine();
await attack(JSON.parse(targets) as Targets, AbortSignal.timeout(Number(durationMs)));
process.stdout.write(JSON.stringify(floodTotals));
