// What an operator does to sessions, whoever owns them: drop, and give to another principal.
import { create, toBinary } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  DropSessionOutcomeSchema,
  DropSessionsResponseSchema,
  ReassignSessionResponseSchema,
  SessionHeadSchema,
  toFailure,
  type DropSessionOutcome,
  type SessionName,
} from '@robustmq/rpc';
import type { ApplyView } from '../group-machine.ts';
import { dataCommand } from './commands.ts';
import { sessionKey } from './keys.ts';
import { deleteSession, readHead, writeHead } from './session-heads.ts';

/** Ends sessions: their owners are fenced from now on. */
export const dropSessions = dataCommand({
  case: 'dropSessions',
  keysOf: ({ sessions }) => sessions.map(({ tenant, clientId }) => sessionKey(tenant, clientId)),
  apply: (view, { sessions }) => {
    const outcomes = sessions.map((name) => dropSession(view, name));
    return toBinary(DropSessionsResponseSchema, create(DropSessionsResponseSchema, { outcomes }));
  },
});

function dropSession(view: ApplyView, { tenant, clientId }: SessionName): DropSessionOutcome {
  const dropped = readHead(view, tenant, clientId);
  if (dropped === undefined) {
    return create(DropSessionOutcomeSchema, { failure: toFailure(noSession()) });
  }
  deleteSession(view, dropped);
  return create(DropSessionOutcomeSchema, { dropped });
}

/** The owner of the connection stays; who may open the session next changes. */
export const reassignSession = dataCommand({
  case: 'reassignSession',
  keysOf: ({ session }) => (session === undefined ? [] : [sessionKey(session.tenant, session.clientId)]),
  apply: (view, { session: name, principal }) => {
    const before = name === undefined ? undefined : readHead(view, name.tenant, name.clientId);
    if (before === undefined) throw noSession();
    const { principal: _before, ...rest } = before;
    const isNamed = principal !== undefined && principal.name !== '';
    const session = create(SessionHeadSchema, { ...rest, ...(isNamed && { principal }) });
    writeHead(view, session);
    return toBinary(ReassignSessionResponseSchema, create(ReassignSessionResponseSchema, { session }));
  },
});

function noSession(): BrokerError {
  return new BrokerError('not_found', 'there is no such session');
}
