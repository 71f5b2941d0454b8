// I8: how many connections a gateway takes, in all and from one source, on either listener.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { RawClient, start, until, type Running } from './running-gateway.ts';

let running: Running;
const sockets: Socket[] = [];
const webSockets: WebSocket[] = [];

/** A socket that says nothing. */
const silent = (port: number, localAddress = '127.0.0.1'): Socket => {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  // Cut before or behind the handshake.
  socket.on('error', () => undefined);
  sockets.push(socket);
  return socket;
};

const left = (): number => sockets.filter(({ destroyed }) => !destroyed).length;

afterEach(async () => {
  for (const each of sockets.splice(0)) each.destroy();
  for (const each of webSockets.splice(0)) each.terminate();
  await running.stop();
});

test('limits.maxConnectionsPerAddress: one source has so many over both listeners, others are served', async () => {
  running = await start({ flags: ['--limits.maxConnectionsPerAddress=3'] });
  const { counters } = running.gateway;
  const first = silent(running.port);
  silent(running.port);
  const webSocket = new WebSocket(`ws://127.0.0.1:${running.wsPort}/mqtt`, ['mqtt']);
  webSockets.push(webSocket);
  await until(() => counters.accepted === 3, 'as many as it may');
  silent(running.port);
  silent(running.wsPort);
  await until(() => counters.refused === 2 && left() === 2, 'two are refused');
  silent(running.port, '127.0.0.2');
  await until(() => counters.accepted === 4, 'another source');
  // The place is free when the socket is closed on both sides.
  const closed = once(first, 'close');
  first.end();
  await closed;
  await until(() => counters.open === 3);
  const next = new RawClient(running.port, 5);
  sockets.push(next.socket);
  expect((await next.connect('dev')).reasonCode).toBe(0);
});

test('limits.maxConnectionsPerAddress: any number unless somebody says otherwise', async () => {
  running = await start();
  for (let count = 0; count < 50; count++) silent(running.port);
  await until(() => running.gateway.counters.accepted === 50);
  expect(running.gateway.counters.refused).toBe(0);
});

test('limits.maxConnections: sockets that never ask for a WebSocket count as well', async () => {
  running = await start({ flags: ['--limits.maxConnections=3'] });
  for (let count = 0; count < 5; count++) silent(running.wsPort);
  await until(() => running.gateway.counters.refused === 2 && left() === 3, 'two are refused');
});
