import type { DescMessage, DescMethod, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { decode, encode } from '../proto/codec.ts';
import { CodecError } from '../proto/codec-error.ts';
import type { Call, CallCredentials, CallHandler } from './call.ts';
import { frameOf } from './frame.ts';
import type { Refused } from './server-options.ts';

/** A method as generated code describes it: `Membership.method.leave`. */
type Method<Input extends DescMessage, Output extends DescMessage> = DescMethod & {
  readonly input: Input;
  readonly output: Output;
};

/** Asked before a byte of the call is read, so that no method lacks it (T4). */
export type Authenticate<Caller> = (
  call: CallCredentials,
) => { readonly ok: Caller } | Refused | Promise<{ readonly ok: Caller } | Refused>;

type Answer<Output extends DescMessage> = { readonly ok: MessageInitShape<Output> } | Refused;

/** The path of a method. */
export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** Serves a method that takes one message and gives one. What it throws ends the call with INTERNAL, and no other. */
export function unaryHandler<Input extends DescMessage, Output extends DescMessage, Caller>(
  method: Method<Input, Output>,
  serve: {
    readonly authenticate: Authenticate<Caller>;
    readonly answer: (request: MessageShape<Input>, caller: Caller) => Answer<Output> | Promise<Answer<Output>>;
  },
): readonly [path: string, handler: CallHandler] {
  const handler = async (call: Call): Promise<void> => {
    const caller = await admit(call, serve.authenticate);
    if (caller === undefined) return;
    let received = false;
    call.listen({
      message(bytes) {
        if (received) {
          call.end(status.INTERNAL, `${method.name} takes one message`);
          return undefined;
        }
        received = true;
        const request = read(call, method.input, bytes);
        if (request === undefined) return undefined;
        call.confirm();
        return Promise.resolve(serve.answer(request, caller.ok)).then((answer) => finish(call, method.output, answer));
      },
      halfClosed() {
        if (!received) call.end(status.INTERNAL, `${method.name} takes one message`);
      },
      gone() {},
    });
  };
  return [pathOf(method), handler];
}

/** What becomes of one stream of messages. */
export interface ClientStream<Input extends DescMessage, Output extends DescMessage> {
  /** A refusal ends the call. */
  message(request: MessageShape<Input>): Refused | undefined;
  /** The client has sent all. */
  end(): Answer<Output>;
}

/** Serves a method that takes many messages and gives one at the end. */
export function clientStreamHandler<Input extends DescMessage, Output extends DescMessage, Caller>(
  method: Method<Input, Output>,
  serve: {
    readonly authenticate: Authenticate<Caller>;
    readonly open: (caller: Caller, call: CallCredentials) => ClientStream<Input, Output>;
  },
): readonly [path: string, handler: CallHandler] {
  const handler = async (call: Call): Promise<void> => {
    const caller = await admit(call, serve.authenticate);
    if (caller === undefined) return;
    const stream = serve.open(caller.ok, call);
    call.listen({
      message(bytes) {
        const request = read(call, method.input, bytes);
        if (request === undefined) return;
        const refusal = stream.message(request);
        if (refusal === undefined) call.confirm();
        else call.end(refusal.refused.code, refusal.refused.message);
      },
      halfClosed: () => finish(call, method.output, stream.end()),
      gone() {},
    });
  };
  return [pathOf(method), handler];
}

async function admit<Caller>(
  call: Call,
  authenticate: Authenticate<Caller>,
): Promise<{ readonly ok: Caller } | undefined> {
  const verdict = await authenticate(call);
  if ('ok' in verdict) return verdict;
  call.end(verdict.refused.code, verdict.refused.message);
  return undefined;
}

function read<Desc extends DescMessage>(call: Call, schema: Desc, bytes: Uint8Array): MessageShape<Desc> | undefined {
  try {
    return decode(schema, bytes);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    call.end(status.INVALID_ARGUMENT, `the message cannot be read: ${error.message}`);
    return undefined;
  }
}

function finish<Output extends DescMessage>(call: Call, schema: Output, answer: Answer<Output>): void {
  if ('refused' in answer) {
    call.end(answer.refused.code, answer.refused.message);
    return;
  }
  call.write(frameOf(encode(schema, answer.ok)), () => {});
  call.end(status.OK, '');
}
