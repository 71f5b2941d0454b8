// Whether the client of a CONNECT may come in, and on whose behalf it acts.

import type { Authenticator, Verdict } from '@robustmq/access-control';
import { BrokerError } from '@robustmq/errors';
import { REASON } from '@robustmq/mqtt-codec';
import type { ConnectTerms } from '@robustmq/mqtt-session';
import type { ConnectionCounters } from '../connection-counters.ts';
import type { Client } from './client.ts';

/** What logins need of the gateway. */
export interface LoginPorts {
  readonly authenticator: Pick<Authenticator, 'quick' | 'authenticate'>;
  readonly counters: Pick<ConnectionCounters, 'deniedLogins'>;
}

/** Decides the logins of all clients. */
export class LoginFlow {
  readonly #ports: LoginPorts;

  constructor(ports: LoginPorts) {
    this.#ports = ports;
  }

  /** Calls back once the client has its principal; one that is denied is refused here. */
  verify(client: Client, { username, password }: ConnectTerms, callback: () => void): void {
    const { machine, tenant } = client;
    const { authenticator } = this.#ports;
    const origin = { address: client.peerAddress, isWanted: () => !client.isClosed };
    const quick = authenticator.quick(tenant, username, password, origin);
    if (quick !== undefined) {
      this.#decided(client, quick, callback);
      return;
    }
    authenticator.authenticate(tenant, username, password, origin).then(
      (verdict) => client.guard(() => this.#decided(client, verdict, callback)),
      // Denied when the decision itself fails: too many logins at once, or a bug.
      (thrown: unknown) =>
        client.guard(() => {
          const { code } = BrokerError.from(thrown);
          machine.refuse(code === 'quota_exceeded' ? REASON.serverBusy : REASON.unspecifiedError);
        }),
    );
  }

  #decided(client: Client, verdict: Verdict, callback: () => void): void {
    if (client.isClosed) return;
    if (verdict.outcome === 'denied') {
      this.#ports.counters.deniedLogins++;
      client.machine.refuse(REASON.badUserNameOrPassword);
      return;
    }
    client.principal = verdict.principal;
    callback();
  }
}
