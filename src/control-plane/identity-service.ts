import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import { status as grpcStatus } from '@grpc/grpc-js';
import { readCsr } from '../ca/csr.ts';
import { createCsrLimits } from '../ca/csr-limits.ts';
import { type CsrDesk, tooMany } from '../ca/issue-for-csr.ts';
import type { JoinRecord } from '../ca/join-store.ts';
import type { SignedSvid } from '../ca/svid.ts';
import type { AuditEvent, AuditSink } from '../model/audit-event.ts';
import { Failure } from '../model/failure.ts';
import { isLabel, spiffeId, type Identity as WorkloadIdentity } from '../model/identity.ts';
import type { Clock } from '../model/state-store.ts';
import { Identity } from '../proto/gen/weft/v1/identity_pb.ts';
import type { JoinCredential } from '../registry/join-claims.ts';
import type { JoinedProxies } from '../registry/joined-proxies.ts';
import { refusalText } from '../sidecar/refusal.ts';
import type { CallCredentials, CallHandler } from '../xds/call.ts';
import { unaryHandler } from '../xds/handlers.ts';
import type { Refused } from '../xds/server-options.ts';
import {
  type CheckCredential,
  type CredentialStores,
  joinCredential,
  joinOf,
  refusedBy,
  tokenShown,
  type WorkloadToken,
} from './credential-check.ts';

/** Who showed a token. `spent`: it has no use left, and answers only whoever spent it. */
interface TokenCaller {
  readonly token: WorkloadToken;
  readonly spent?: Refused;
  readonly peer: string;
}

/**
 * `weft.v1.Identity`: a token is spent for a certificate of a key that the proxy made and keeps, or for the credential of a bare Envoy
 * (T3). A use is taken last, after all that could be refused: a wrong word costs none.
 */
export function createIdentityService(options: {
  readonly stores: CredentialStores;
  readonly check: CheckCredential;
  readonly desk: CsrDesk;
  readonly joined: Pick<JoinedProxies, 'wouldRefuse'>;
  readonly trustDomain: string;
  readonly roots: () => readonly string[];
  readonly audit: AuditSink;
  readonly clock: Clock;
}): readonly (readonly [path: string, handler: CallHandler])[] {
  const { stores, check, desk, joined, trustDomain, roots, audit, clock } = options;
  const { tokens, joins } = stores;
  const retries = createCsrLimits(clock);

  const answer = ({ certificateChain, renewAt, notAfter }: SignedSvid) => ({
    ok: {
      certificateChain,
      roots: [...roots()],
      renewIn: BigInt(Math.max(0, Math.round(renewAt - clock.now()))),
      endsIn: BigInt(Math.max(0, Math.round(notAfter - clock.now()))),
    },
  });
  const written = <Answer extends { readonly ok: unknown } | Refused>(
    event: Pick<AuditEvent, 'what' | 'who' | 'from' | 'about' | 'words' | 'spiffeId'>,
    given: Answer,
    issued?: SignedSvid,
  ): Answer => {
    if ('refused' in given) audit.record({ ...event, result: 'refused', words: given.refused.message });
    else
      audit.record({
        ...event,
        ...(issued && { spiffeId: issued.spiffeId, serial: issued.serial }),
        result: 'done',
      });
    return given;
  };
  /**
   * What the token becomes for who joins with these claims. T1, T2: what a stream with them would be refused for is refused here, before
   * anything is spent.
   */
  const admitted = (
    { token, peer }: TokenCaller,
    { nodeId, metadata }: { readonly nodeId: string; readonly metadata: string },
    { isOwn, before }: { readonly isOwn: boolean; readonly before?: JoinRecord | undefined },
  ): { readonly ok: JoinCredential } | Refused => {
    const weft = parsed(metadata);
    const chosen = before?.service === undefined ? chosenService(token, weft) : { ok: before.service };
    if ('refused' in chosen) return chosen;
    const credential = { ...joinCredential(token, chosen.ok), ...(isOwn && { nodeId }) };
    const refusal = joined.wouldRefuse(credential, { id: nodeId, weft }, addressOf(peer));
    return refusal ? refusedBy(refusal, grpcStatus.PERMISSION_DENIED) : { ok: credential };
  };
  const identityOf = ({ namespace, serviceAccount }: JoinCredential): WorkloadIdentity => ({
    trustDomain,
    namespace,
    serviceAccount,
  });

  async function enrol(
    caller: TokenCaller,
    request: { readonly nodeId: string; readonly csr: Uint8Array; readonly metadata: string },
  ) {
    const { token, spent, peer } = caller;
    const { nodeId, csr } = request;
    const known = joinedBefore(caller, nodeId, csr);
    if (spent !== undefined && known === undefined) return spent;
    const taken = admitted(caller, request, { isOwn: true, before: known });
    if ('refused' in taken) return taken;
    // Nothing is waited for between the look at the token and its use.
    const svid = desk.issue({ identity: identityOf(taken.ok), holder: nodeId, address: addressOf(peer) }, csr);
    if (svid instanceof Failure) return ofCsr(svid);
    if (known !== undefined) {
      await joins.renewed(known.id, svid);
      return { svid };
    }
    const refusal = await tokens.spend(token.id);
    if (refusal !== undefined) return refusedBy(refusal);
    const keyHash = hashOf(new X509Certificate(svid.certificateChain).publicKey);
    await joins.add({ tokenId: token.id, nodeId, service: taken.ok.service, keyHash }, svid);
    return { svid };
  }

  /** Who spent this token, or a use of it, with this very key; the request is looked at as seldom as one is signed. */
  function joinedBefore({ token, peer }: TokenCaller, nodeId: string, csr: Uint8Array): JoinRecord | undefined {
    const before = joins.of({ tokenId: token.id, nodeId });
    if (before.length === 0 || !retries.take({ identity: token.id, address: addressOf(peer) })) return undefined;
    const request = readCsr(csr);
    if (request instanceof Failure) return undefined;
    const keyHash = hashOf(request.publicKey);
    return before.find((join) => join.keyHash === keyHash);
  }

  const byToken = (call: CallCredentials): { readonly ok: TokenCaller } | Refused => {
    const { peer } = call;
    const shown = tokenShown(call, tokens);
    if ('ok' in shown) return { ok: { token: shown.ok, peer } };
    const { spent, refused } = shown;
    if (spent !== undefined) return { ok: { token: spent, spent: { refused }, peer } };
    return written({ what: 'enrol', who: '', from: peer }, { refused });
  };

  return [
    unaryHandler(Identity.method.enrol, {
      authenticate: byToken,
      async answer(request, caller) {
        const { token, peer } = caller;
        const event = { what: 'enrol', who: `token ${token.id}`, from: peer, about: shownId(request.nodeId) } as const;
        const made = await failed(() => enrol(caller, request));
        return 'refused' in made ? written(event, made) : written(event, answer(made.svid), made.svid);
      },
    }),
    unaryHandler(Identity.method.renew, {
      authenticate(call) {
        const { certificate, peer } = call;
        const join = certificate && joinOf(certificate, joins);
        const event = { what: 'renew', who: '', from: peer } as const;
        if (join === undefined) return written(event, onlyByCertificate);
        const checked = check(call);
        if ('refused' in checked) return written(event, checked);
        return { ok: { credential: checked.ok, join, peer } };
      },
      async answer({ csr }, { credential, join, peer }) {
        const { nodeId } = join;
        const event = { what: 'renew', who: nodeId, from: peer, about: nodeId } as const;
        const svid = desk.issue({ identity: identityOf(credential), holder: nodeId, address: addressOf(peer) }, csr);
        if (svid instanceof Failure) return written(event, ofCsr(svid));
        const saved = await failed(async () => joins.renewed(join.id, svid).then(() => ({})));
        return 'refused' in saved ? written(event, saved) : written(event, answer(svid), svid);
      },
    }),
    unaryHandler(Identity.method.redeem, {
      authenticate: byToken,
      async answer(request, caller) {
        const { token, spent, peer } = caller;
        const event = { what: 'redeem', who: `token ${token.id}`, from: peer, about: shownId(request.nodeId) } as const;
        const taken = spent ?? admitted(caller, request, { isOwn: false });
        if ('refused' in taken) return written(event, taken);
        const { service } = taken.ok;
        const whose = spiffeId(identityOf(taken.ok));
        const done = (id: string, bearer: string) =>
          written({ ...event, spiffeId: whose, words: `credential ${id}` }, { ok: { bearer } });
        if (token.uses === undefined) return done(token.id, '');
        const made = await failed(async () => {
          const refusal = await tokens.spend(token.id);
          if (refusal !== undefined) return refusedBy(refusal);
          const { id: from, createdBy } = token;
          const grant = { ...token.grant, services: [service] as const };
          return { ok: await tokens.create({ grant, createdBy, from, label: `of ${request.nodeId}` }) };
        });
        if ('refused' in made) return written(event, made);
        const { record, text } = made.ok;
        return done(record.id, text.expose().split('.').slice(0, 2).join('.'));
      },
    }),
  ];
}

const onlyByCertificate = refusedBy({
  code: 'WEFT0203',
  message: 'only a certificate that was issued here is renewed, and none was shown that is valid now',
  hint: 'join again, with a new token: weft token create --service NAME --namespace NAMESPACE',
});

/** Which of the services of a token its claims say. What else they say is judged as of whom the token is for. */
function chosenService({ id, grant }: WorkloadToken, claims: unknown): { readonly ok: string } | Refused {
  const { services, namespace } = grant;
  const claimed = typeof claims === 'object' && claims !== null && 'service' in claims ? claims.service : undefined;
  const chosen = services.find((service) => service === claimed);
  if (chosen !== undefined) return { ok: chosen };
  if (services.length === 1 || typeof claimed !== 'string' || !isLabel(claimed)) return { ok: services[0] };
  const listed = services.map((service) => `"${service}"`).join(', ');
  return refusedBy(
    {
      code: 'WEFT0203',
      message: `token ${id} allows one of ${listed}, node.metadata.weft.service says "${claimed}"`,
      hint: `start it with ${services.map((service) => `--service ${service}`).join(' or ')}, or make a token that allows it: weft token create --service ${claimed} -n ${namespace}`,
    },
    grpcStatus.PERMISSION_DENIED,
  );
}

function ofCsr(failure: Failure): Refused {
  const code = failure === tooMany ? grpcStatus.RESOURCE_EXHAUSTED : grpcStatus.INVALID_ARGUMENT;
  return { refused: { code, message: refusalText(failure) } };
}

/** What the store could not keep is refused, not a bug. */
async function failed<Made>(make: () => Promise<Made>): Promise<Made | Refused> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { refused: { code: grpcStatus.UNAVAILABLE, message: refusalText(error) } };
  }
}

function parsed(metadata: string): unknown {
  try {
    return JSON.parse(metadata);
  } catch {
    return metadata;
  }
}

function hashOf(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/** `127.0.0.1:4321`, `[::1]:4321` → the address. */
function addressOf(peer: string): string {
  return peer.slice(0, peer.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}

/** What a stranger sent as a node id, as far as it may stand in a line. */
function shownId(nodeId: string): string {
  return /^[a-z0-9-]{1,63}\.[a-z0-9-]{1,63}$/.test(nodeId) ? nodeId : '';
}
