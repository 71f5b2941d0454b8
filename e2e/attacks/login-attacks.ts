// Guessing of passwords, by many connections of one address.
import { request } from 'node:http';
import { type Attack, inParallel } from './attack.ts';
import { flood, floodTotals } from './flood-socket.ts';
import { connectV5 } from './mqtt-bytes.ts';

/** Users whose passwords are guessed. */
export const GUESSED_USERS = ['guessed-a', 'guessed-b'] as const;
/** A superuser whose password is guessed. */
export const GUESSED_ADMIN = 'guessed-admin';
/** A guesser that has no answer by then gives up and guesses again. */
const PATIENCE_MS = 500;
const CONNACK_BYTES = 5;

let guesses = 0;

/** A password that nobody tried before: repeated ones cost nothing. */
function guess(): string {
  guesses += 1;
  return `guess-${process.pid}-${guesses}`;
}

function logIn(port: number, over: AbortSignal): Promise<void> {
  const authorization = `Basic ${Buffer.from(`${GUESSED_ADMIN}:${guess()}`).toString('base64')}`;
  return new Promise((resolve) => {
    const asked = request({
      host: '127.0.0.1',
      port,
      path: '/api/v1/cluster',
      agent: false,
      headers: { authorization },
      timeout: PATIENCE_MS,
      signal: over,
    });
    floodTotals.connections += 1;
    floodTotals.sentBytes += authorization.length;
    asked.once('response', (response) => response.resume());
    asked.once('timeout', () => asked.destroy());
    // A reset is one way of closing.
    asked.on('error', () => undefined);
    asked.once('close', resolve);
    asked.end();
  });
}

const adminLogins: Attack = ({ httpPort }, over) =>
  inParallel(60, async () => {
    while (!over.aborted) await logIn(httpPort, over);
  });

/** Every second one guesses for a user that there is, the others for any. */
const mqttLogins: Attack = ({ mqttPort }, over) =>
  inParallel(300, (attacker) =>
    flood({
      port: mqttPort,
      over,
      closeAfterBytes: CONNACK_BYTES,
      first: (n) => {
        const name = attacker % 2 === 0 ? GUESSED_USERS[(attacker / 2) % 2]! : `user-${n}`;
        return connectV5(`guess-${process.pid}-${n}`, { name, password: guess() });
      },
    }),
  );

/** By name. */
export const LOGIN_ATTACKS = {
  'wrong passwords at the admin API': adminLogins,
  'guessed passwords of MQTT users': mqttLogins,
} satisfies Record<string, Attack>;
