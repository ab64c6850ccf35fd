import type { Http2Session } from 'node:http2';

/** The native half of a session. Undefined: this Node keeps it elsewhere. */
export function handleOf(session: object): unknown {
  const key = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'kHandle');
  return key === undefined ? undefined : Reflect.get(session, key);
}

/**
 * A session that is collected before its last streams aborts Node 20 (`current_nghttp2_memory_`): streams whose headers were refused in the
 * read that ended it are freed in the next turn only. So its native half is kept until then; without that, one client ends the process within
 * a second.
 */
export function keepNativeSession(session: Http2Session): void {
  const held = new Set([handleOf(session)]);
  // Let go then: the listener stays as long as the session does, which can be long, and the native half is large.
  session.on('close', () => setImmediate(() => held.clear()));
}
