import { create } from '@bufbuild/protobuf';
import { BrokerError, type ErrorCode } from '@robustmq/errors';
import { ERROR_CODES } from '@robustmq/errors/testing';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import {
  createClient,
  Credentials,
  fromFailure,
  fromServiceError,
  GatewayService,
  MeshRequestSchema,
  MeshResponseSchema,
  RpcServer,
  ServiceKind,
  toFailure,
  type MeshRequest,
  type MeshResponse,
  type ServiceImplementation,
  type UnaryContext,
} from '../src/index.ts';
import { ClusterSecret } from '../src/cluster-secret.ts';
import { toServiceError } from '../src/status.ts';

const CREDENTIALS = new Credentials(
  ServiceKind.MQTT_GATEWAY,
  new ClusterSecret(['a secret for tests, of 32 characters']),
);

type Implementation = ServiceImplementation<typeof GatewayService>;

const mesh: Implementation['mesh'] = (stream: ServerDuplexStream<MeshRequest, MeshResponse>) => {
  stream.on('data', (message: MeshRequest) => {
    if (message.frame.case !== 'publish') return;
    const route = {
      tenant: message.frame.value.tenant,
      filter: Buffer.from(message.frame.value.batch).toString(),
    };
    stream.write(create(MeshResponseSchema, { frame: { case: 'routes', value: { add: [route] } } }));
  });
  stream.on('end', () => stream.end());
};

async function serve(
  takeOver: Implementation['takeOver'],
  body: (client: ReturnType<typeof createClient<typeof GatewayService>>) => Promise<void>,
  onUnexpected: (error: unknown) => void = () => undefined,
): Promise<void> {
  const server = new RpcServer({ credentials: CREDENTIALS, onUnexpected }).add(GatewayService, {
    takeOver,
    mesh,
    endSessions: () => ({}),
  });
  const port = await server.listen('127.0.0.1', 0, 'grpc.port');
  const client = createClient(GatewayService, {
    address: `127.0.0.1:${port}`,
    credentials: CREDENTIALS,
  });
  try {
    await body(client);
  } finally {
    client.close();
    await server.close(1_000);
  }
}

describe('unary calls', () => {
  it('carry typed messages both ways', async () => {
    await serve(
      (request) => ({ stopped: request.sessions.map((session) => session.epoch === 7n) }),
      async (client) => {
        const answer = await client.takeOver({
          sessions: [
            { clientId: 'a', epoch: 7n },
            { clientId: 'b', epoch: 8n },
          ],
        });
        expect(answer.stopped).toEqual([true, false]);
      },
    );
  });

  it('fail with the code, message and details that the server threw', async () => {
    const takeOver = (): never => {
      throw new BrokerError('fenced', 'old epoch', { details: { epoch: 3, node: 'n1' } });
    };
    await serve(takeOver, async (client) => {
      await expect(client.takeOver({})).rejects.toMatchObject({
        code: 'fenced',
        message: 'old epoch',
        details: { epoch: 3, node: 'n1' },
      });
    });
  });

  it('report foreign errors as internal without their message, and tell the server', async () => {
    const seen: unknown[] = [];
    const takeOver = (): Promise<never> => Promise.reject(new TypeError('password=1'));
    await serve(
      takeOver,
      async (client) => {
        await expect(client.takeOver({})).rejects.toMatchObject({
          code: 'internal',
          message: 'unexpected failure',
        });
        expect(seen).toHaveLength(1);
      },
      (error) => seen.push(error),
    );
  });

  it('end at their deadline, and tell the server', async () => {
    let aborted: () => void;
    const sawAbort = new Promise<void>((resolve) => (aborted = resolve));
    const takeOver: Implementation['takeOver'] = (_request, { signal }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          aborted();
          resolve({});
        });
      });
    await serve(takeOver, async (client) => {
      await expect(client.takeOver({}, { timeoutMs: 50 })).rejects.toMatchObject({
        code: 'deadline_exceeded',
      });
      await sawAbort;
    });
  });

  it('tell whoever looks at the signal only after the caller gave up', async () => {
    const contexts: UnaryContext[] = [];
    const takeOver: Implementation['takeOver'] = (_request, context) => {
      contexts.push(context);
      return new Promise(() => undefined);
    };
    await serve(takeOver, async (client) => {
      // The end of the first is heard of before the second comes.
      for (let calls = 0; calls < 2; calls++)
        await expect(client.takeOver({}, { timeoutMs: 50 })).rejects.toMatchObject({
          code: 'deadline_exceeded',
        });
      const [first] = contexts;
      while (!first!.signal.aborted) await new Promise(setImmediate);
    });
  });

  it('can be aborted, before and after the start', async () => {
    await serve(
      () => new Promise<never>(() => undefined),
      async (client) => {
        const early = new AbortController();
        early.abort();
        await expect(client.takeOver({}, { signal: early.signal })).rejects.toMatchObject({
          code: 'cancelled',
        });
        const late = new AbortController();
        const call = client.takeOver({}, { signal: late.signal });
        late.abort();
        await expect(call).rejects.toMatchObject({ code: 'cancelled' });
      },
    );
  });

  it('fail as unavailable when nobody listens', async () => {
    const client = createClient(GatewayService, {
      address: '127.0.0.1:1',
      credentials: CREDENTIALS,
      defaultTimeoutMs: 1_000,
    });
    await expect(client.takeOver({})).rejects.toMatchObject({ code: 'unavailable' });
    client.close();
  });
});

describe('duplex streams', () => {
  it('deliver in order and alias the bytes they carry', async () => {
    await serve(
      () => ({}),
      async (client) => {
        const stream = client.mesh();
        const seen: string[] = [];
        const ended = new Promise<void>((resolve, reject) => {
          stream.on('data', (message: MeshResponse) => {
            if (message.frame.case === 'routes') seen.push(message.frame.value.add[0]?.filter ?? '');
          });
          stream.on('end', resolve);
          stream.on('error', reject);
        });
        for (let i = 0; i < 100; i++) {
          const publish = { tenant: 't', batch: Buffer.from(`filter/${i}`) };
          stream.write(create(MeshRequestSchema, { frame: { case: 'publish', value: publish } }));
        }
        stream.end();
        await ended;
        expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => `filter/${i}`));
      },
    );
  });
});

describe('a taken port', () => {
  it('is an error that names port and option', async () => {
    const first = new RpcServer({ credentials: CREDENTIALS, onUnexpected: () => undefined });
    const port = await first.listen('127.0.0.1', 0, 'grpc.port');
    const second = new RpcServer({ credentials: CREDENTIALS, onUnexpected: () => undefined });
    await expect(second.listen('127.0.0.1', port, 'grpc.port')).rejects.toMatchObject({
      code: 'conflict',
      details: { port, option: 'grpc.port' },
      message: expect.stringContaining(`127.0.0.1:${port} (option grpc.port)`) as string,
    });
    await first.close(100);
  });
});

describe('errors on the wire', () => {
  it.each(Object.keys(ERROR_CODES) as ErrorCode[])('%s survives status and failure', (code) => {
    const error = new BrokerError(code, 'why', { details: { n: 1 } });
    const sent = Object.assign(new Error('x'), toServiceError(error));
    expect(fromServiceError(sent)).toMatchObject({ code, message: 'why', details: { n: 1 } });
    expect(fromFailure(toFailure(error))).toMatchObject({ code, message: 'why', details: { n: '1' } });
  });

  it('an absent or empty failure is success; an unknown code is internal', () => {
    expect(fromFailure(undefined)).toBeUndefined();
    expect(fromFailure({ ...toFailure(new BrokerError('fenced', 'x')), code: '' })).toBeUndefined();
    expect(fromFailure({ ...toFailure(new BrokerError('fenced', 'x')), code: 'nova' })).toMatchObject({
      code: 'internal',
    });
  });
});
