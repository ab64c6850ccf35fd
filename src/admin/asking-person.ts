import type { FastifyRequest } from 'fastify';
import type { Actor, AuditSink } from '../model/audit-event.ts';
import type { Failure } from '../model/failure.ts';
import { isLoopback } from './request-origin.ts';

/** Who asks, as the audit log names him; empty for whoever showed no credential, or one that is none. */
export function actorOf({ asker, socket }: FastifyRequest): Actor {
  const { remoteAddress = '', remotePort = 0 } = socket;
  const from = `${remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
  if (typeof asker !== 'string') return { who: 'role' in asker ? asker.role : asker.workload, from };
  return { who: asker === 'loopback-reader' && isLoopback(remoteAddress) ? 'reader on loopback' : '', from };
}

/** Writes down what was refused: whoever was not let in, and each write that was not done. Addresses stand as in the table of roles. */
export function recordRefused(audit: AuditSink, request: FastifyRequest, status: number, failure: Failure): void {
  if (request.method === 'GET' && status !== 401 && status !== 403) return;
  const about = `${request.method} ${request.routeOptions.url ?? 'of an address that is none'}`;
  const words = `${failure.code} ${failure.message}`;
  audit.record({ what: 'admin', ...actorOf(request), about, words, result: 'refused' });
}
