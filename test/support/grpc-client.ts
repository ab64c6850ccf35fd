import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Server, ServerCredentials } from '@grpc/grpc-js';

/** A request of the client as its own trace writes it. */
export interface TracedRequest {
  readonly type_url: string;
  readonly resource_names: readonly string[];
  readonly response_nonce: string;
  readonly node: object | null;
  readonly error_detail: { readonly message: string } | null;
}

/** `grpc-js-xds` in a process of its own. */
export interface GrpcClient {
  /** Calls `xds:///target` once; resolves with the name of the greeter that answered, rejects with the client's error. */
  call(
    target: string,
    options?: { readonly path?: string; readonly deadline?: number; readonly wait?: boolean },
  ): Promise<string>;
  /** Closes the channel, so that nothing of it is subscribed any more. */
  close(target: string): Promise<void>;
  /** Every request that it has sent so far; of a client with `trace` only. */
  requests(): readonly TracedRequest[];
  stop(): Promise<void>;
}

/** What the child answers to the message of the same number. */
interface Reply {
  readonly id: number;
  readonly answer?: string;
  readonly error?: string;
}

const child = fileURLToPath(new URL('./grpc-client-child.mjs', import.meta.url));

/** Starts a client with a bootstrap of its own; gRPC knows no more than plaintext and Google's own credentials for its server. */
export function startGrpcClient(options: {
  readonly xdsPort: number;
  readonly node: string;
  readonly trace?: boolean;
}): GrpcClient {
  const bootstrap = {
    xds_servers: [{ server_uri: `127.0.0.1:${options.xdsPort}`, channel_creds: [{ type: 'insecure' }] }],
    node: { id: options.node, cluster: 'test', locality: {} },
  };
  const trace = options.trace === true ? { GRPC_VERBOSITY: 'DEBUG', GRPC_TRACE: 'xds_client' } : {};
  const env = { ...process.env, ...trace, GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap) };
  const client = fork(child, { env, execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let said = '';
  client.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const waiting = new Map<number, (message: Reply) => void>();
  let last = 0;
  client.on('message', (message: Reply) => {
    waiting.get(message.id)?.(message);
    waiting.delete(message.id);
  });
  const ask = (message: object) =>
    new Promise<string>((resolve, reject) => {
      last += 1;
      waiting.set(last, ({ answer, error }) => (answer === undefined ? reject(new Error(error)) : resolve(answer)));
      client.send({ ...message, id: last });
    });
  return {
    call: (target, { path = '/Greeter/Hello', deadline = 10_000, wait = true } = {}) =>
      ask({ call: `xds:///${target}`, path, deadline, wait }),
    close: async (target) => {
      await ask({ close: `xds:///${target}` });
    },
    requests: () =>
      [...said.matchAll(/Sending discovery request: (\{[\s\S]*?\n\})/g)].map(
        ([, text = '']) => JSON.parse(text) as TracedRequest,
      ),
    async stop() {
      if (client.exitCode !== null) return;
      client.kill('SIGKILL');
      await once(client, 'exit');
    },
  };
}

/** A gRPC service that answers every call to `/Greeter/*` with its name. */
export async function startGreeter(name: string): Promise<{ readonly port: number; stop(): void }> {
  const server = new Server();
  const method = {
    requestStream: false,
    responseStream: false,
    requestSerialize: Buffer.from,
    requestDeserialize: String,
    responseSerialize: (text: string) => Buffer.from(text),
    responseDeserialize: String,
  } as const;
  server.addService(
    { hello: { ...method, path: '/Greeter/Hello' }, last: { ...method, path: '/Greeter/Last' } },
    {
      hello: (_call: unknown, answer: Answer) => answer(null, name),
      last: (_call: unknown, answer: Answer) => answer(null, name),
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return { port, stop: () => server.forceShutdown() };
}

type Answer = (error: null, text: string) => void;
