import type { AnswerRule, AuthorizationAnswer, AuthorizationQuestion } from '../model/authorization-answer.ts';
import type { PairCheck } from '../model/check-answer.ts';
import type { Protocol } from '../model/policy.ts';
import type { AnswerPlace } from '../model/route-answer.ts';
import type { MutualTlsMode } from '../model/security-policy.ts';

/** Who may call what, of this moment. */
export interface AuthorizationWindow {
  /** Whether a call is let in, and by which rule; throws Failure WEFT0920 for a caller that is not known, WEFT0901 before there is a mesh. */
  answer(question: AuthorizationQuestion): AuthorizationAnswer;
  /** The way of a call: identity, route, mutual TLS and authorization; throws as `answer`. */
  check(question: AuthorizationQuestion): PairCheck;
  /** What stands before the ports of a proxy; undefined if no such proxy is known. */
  rules(proxyId: string): AuthorizationReport | undefined;
}

/** The rules of one proxy as it is told them. */
export interface AuthorizationReport {
  /** `<name>.<namespace>` */
  readonly proxy: string;
  readonly commit: string;
  readonly ports: readonly {
    readonly port: number;
    readonly protocol: Protocol;
    readonly mode: { readonly value: MutualTlsMode; readonly by: AnswerPlace };
    /** Whom rules ask the provider about. */
    readonly custom?: { readonly provider: string; readonly rules: readonly AnswerRule[] };
    readonly audit: readonly AnswerRule[];
    readonly deny: readonly AnswerRule[];
    /** `null`: no ALLOW policy selects the workload, so that who is not refused is allowed. */
    readonly allow: readonly AnswerRule[] | null;
    readonly dryRun?: { readonly deny: readonly AnswerRule[]; readonly allow: readonly AnswerRule[] | null };
    /** RequestAuthentication rules whose tokens are looked at, by id. */
    readonly tokens: readonly { readonly id: string; readonly by: AnswerPlace }[];
  }[];
}
