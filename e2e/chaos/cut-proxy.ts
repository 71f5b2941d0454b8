// A network between two processes that can be cut: a TCP proxy that stops to read what one side says, or both. Nothing is closed by
// a cut, as in a real one: whoever waits must find out by itself. New connections through a cut hang as well.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Which way nothing comes through: what callers say, what they are answered, or either. */
export type Cut = 'calls' | 'answers' | 'both';

interface Pair {
  readonly caller: Socket;
  readonly called: Socket;
}

/** See the file head. */
export class CutProxy {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  /** Whose other end went behind a cut: they go when it is healed. */
  readonly #closedBehindCut = new Set<Socket>();
  #target: string | undefined;
  #cut: Cut | undefined;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (caller) => this.#accept(caller));
  }

  /** Listens on a free port of the loopback; {@link target} says later where it leads. */
  static async open(): Promise<CutProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new CutProxy(server);
  }

  /** What callers are told. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Connections that are open on the caller's side. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Where it leads; callers that come before are refused. */
  leadTo(target: string): void {
    this.#target = target;
  }

  /** Lets nothing more through that way. */
  cut(cut: Cut): void {
    this.#cut = cut;
    for (const pair of this.#pairs) this.#follow(pair);
  }

  /** Lets everything through again, also what was held. */
  heal(): void {
    this.#cut = undefined;
    for (const pair of this.#pairs) this.#follow(pair);
  }

  async close(): Promise<void> {
    for (const { caller, called } of this.#pairs) {
      caller.destroy();
      called.destroy();
    }
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(caller: Socket): void {
    if (this.#target === undefined) {
      caller.destroy();
      return;
    }
    const [host = '', port] = this.#target.split(':');
    const called = connect(Number(port), host);
    const pair = { caller, called };
    this.#pairs.add(pair);
    this.#join(pair, caller, called);
    this.#join(pair, called, caller);
    this.#follow(pair);
  }

  #join(pair: Pair, from: Socket, to: Socket): void {
    from.setNoDelay(true);
    from.on('data', (bytes) => {
      if (to.write(bytes)) return;
      from.pause();
      to.once('drain', () => this.#follow(pair));
    });
    // A reset is one way to end.
    from.on('error', () => undefined);
    from.on('close', () => {
      if (from === pair.caller) this.#pairs.delete(pair);
      // Through a cut no end comes either; the other side finds out by itself, or when it is healed.
      if (!this.#isCut(from === pair.caller ? 'calls' : 'answers')) to.destroy();
      else this.#closedBehindCut.add(to);
    });
  }

  #isCut(way: Exclude<Cut, 'both'>): boolean {
    return this.#cut === way || this.#cut === 'both';
  }

  /** Reads what may come through, and nothing else. */
  #follow({ caller, called }: Pair): void {
    if (this.#isCut('calls')) caller.pause();
    else caller.resume();
    if (this.#isCut('answers')) called.pause();
    else called.resume();
    if (this.#cut !== undefined) return;
    for (const socket of this.#closedBehindCut) socket.destroy();
    this.#closedBehindCut.clear();
  }
}
