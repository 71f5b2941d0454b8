// Opens, releases and changes of sessions on their way to meta-service (S1, N11).

import { create } from '@bufbuild/protobuf';
import { FailureSchema, OpenSessionOutcomeSchema, SessionKeySchema } from '@robustmq/rpc';
import { SessionChanges } from '../src/store/session-changes.ts';
import { CollectedRows } from '../src/store/session-rows.ts';
import { SessionStore } from '../src/store/session-store.ts';
import { WORK_PORTS } from './work-ports.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe('SessionStore', () => {
  test('an open waits for the release of the same client id (S1)', async () => {
    const calls: string[] = [];
    let released = (): void => undefined;
    const store = new SessionStore(
      {
        requestId: () => ({ nodeId: 'n', incarnation: 1n, sequence: 1n }),
        persist: (call) => call(),
        sessions: {
          openSessions: (request) => {
            calls.push(`open ${request.sessions!.map(({ clientId }) => clientId).join()}`);
            return Promise.resolve({
              outcomes: request.sessions!.map(() => create(OpenSessionOutcomeSchema)),
            } as never);
          },
          releaseSessions: () => {
            calls.push('release');
            return new Promise((resolve) => {
              released = () => resolve({ outcomes: [create(FailureSchema)] } as never);
            });
          },
          readSession: () => Promise.reject(new Error('not scripted')),
          updateSessions: ({ updates }) => {
            const code = updates?.[0]?.change === 0n ? '' : 'fenced';
            return Promise.resolve({ outcomes: [create(FailureSchema, { code })] } as never);
          },
        },
      },
      () => ({ nodeId: 'n', incarnation: 1n, directoryId: '' }),
      WORK_PORTS,
    );
    const key = create(SessionKeySchema, { tenant: 't', clientId: 'c' });
    const open = { tenant: 't', cleanStart: true, expiryIntervalS: 0, previousReleased: false };
    const opened: string[] = [];
    store.release({ key, expiryIntervalS: 0 }, () => undefined);
    for (const clientId of ['c', 'other'])
      store.open(
        { tenant: 't', clientId },
        () => ({ ...open, clientId }),
        () => opened.push(clientId),
      );
    await turn();
    expect(opened).toEqual(['other']);
    released();
    await turn();
    await turn();
    expect(opened).toEqual(['other', 'c']);
    expect(calls).toEqual(['release', 'open other', 'open c']);
    for (const clientId of ['c', 'other']) store.opened({ tenant: 't', clientId });
    const errors: (string | undefined)[] = [];
    const changes = new SessionChanges(key, new CollectedRows());
    store.update(changes, { put: [], remove: ['x'], made: [] }, (error) => errors.push(error?.code));
    store.commit(changes, {}, (error) => errors.push(error?.code));
    await turn();
    await turn();
    expect(errors).toEqual(['fenced', undefined]);
    expect(store.pending).toBe(0);
  });
});
