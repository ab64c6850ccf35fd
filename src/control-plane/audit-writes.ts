import type { AdminSource } from '../admin/admin-source.ts';
import { type Actor, type AuditSink, operator } from '../model/audit-event.ts';
import type { Readable } from '../model/readable.ts';
import type { PolicyState } from './policy-source.ts';

/** Writes down what persons change through the admin API; its refusals are written there, tokens by their desk. */
export function withWritesAudited(source: AdminSource, audit: AuditSink): AdminSource {
  const done = (by: Actor, about: string, words?: string) =>
    audit.record({ what: 'admin', ...by, about, ...(words !== undefined && { words }), result: 'done' });
  const { rotation } = source;
  return {
    ...source,
    release(resource, by = operator) {
      const report = source.release(resource, by);
      const { released, proxies } = report;
      if (released > 0 || proxies.length > 0) done(by, `nackz ${resource}`, `${released} refusals forgotten`);
      return report;
    },
    async refreshPolicies(by = operator) {
      await source.refreshPolicies(by);
      done(by, 'sync');
    },
    rotation: {
      status: rotation.status,
      async step(step, by) {
        const status = await rotation.step(step, by);
        done(by, `rotation ${step}`, status.phase);
        return status;
      },
      async distrust(fingerprint, by) {
        const status = await rotation.distrust(fingerprint, by);
        done(by, `rotation compromised${fingerprint === undefined ? '' : ` ${fingerprint}`}`, status.phase);
        return status;
      },
    },
  };
}

/** Writes down each head of the policy repository with what became of it. Returns a function that ends it. */
export function auditPublished(policies: Readable<PolicyState>, audit: AuditSink): () => void {
  let written = '';
  const look = ({ head }: PolicyState): void => {
    if (head === undefined || written === `${head.commit} ${head.state}`) return;
    written = `${head.commit} ${head.state}`;
    const { commit, author, state, errors, held = [] } = head;
    const isRefused = state === 'Rejected';
    const words = isRefused
      ? `rejected, ${errors} errors: what was served stays`
      : held.length > 0
        ? `held back in ${held.map(({ namespace }) => namespace).join(', ')}`
        : undefined;
    const of = { who: author, about: `commit ${commit}`, ...(words !== undefined && { words }) };
    audit.record({ what: 'publish', ...of, result: isRefused ? 'refused' : 'done' });
  };
  look(policies.get());
  return policies.watch(look);
}
