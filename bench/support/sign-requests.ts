import { generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import { openAuthority } from '../../src/ca/authority.ts';
import { createCsrDesk } from '../../src/ca/issue-for-csr.ts';
import { createSvidSource } from '../../src/ca/svid-source.ts';
import { writeCsr } from '../../src/ca/write-csr.ts';
import { Failure } from '../../src/model/failure.ts';
import { systemClock } from '../../src/model/state-store.ts';
import { memoryStore } from '../../test/support/memory-store.ts';
import { median } from './figures.ts';
import { monotonic } from './protocol.ts';

export interface SigningRound {
  /** Microseconds for one, medians. */
  readonly issue: number;
  readonly verify: number;
}

/** Rounds of requests that become SVIDs, and as many checks of an ECDSA signature, in turn. Each caller and key is another. */
export async function signRequests(rounds: number, each: number): Promise<readonly SigningRound[]> {
  const trustDomain = 'bench.example';
  const authority = await openAuthority({ store: memoryStore(), clock: systemClock, trustDomain });
  const svids = createSvidSource({ authority, clock: systemClock });
  // Nobody may ask so often: for the desk a minute passes between two rounds.
  let minutes = 0;
  const clock = { ...systemClock, now: () => Date.now() + minutes * 60_000 };
  const desk = createCsrDesk({ svids, clock });
  const checks = keyPair();
  const text = randomBytes(400);
  const key = { key: checks.publicKey, dsaEncoding: 'der' } as const;
  const signature = sign('sha256', text, { key: checks.privateKey, dsaEncoding: 'der' });
  const done: SigningRound[] = [];
  for (let round = 0; round < rounds; round += 1) {
    minutes = round;
    const requests = Array.from({ length: each }, () => writeCsr(keyPair()));
    const [issue, checked]: [number[], number[]] = [[], []];
    // One after the other, each measured for itself: whatever else the machine does, it does to both.
    for (const [index, csr] of requests.entries()) {
      const identity = { trustDomain, namespace: 'default', serviceAccount: `r${round}-${index}` };
      const began = monotonic();
      const svid = desk.issue({ identity, holder: `${round}-${index}` }, csr);
      const issued = monotonic();
      const isRight = verify('sha256', text, key, signature);
      const verified = monotonic();
      if (svid instanceof Failure) throw svid;
      if (!isRight) throw new Error('the signature is right');
      issue.push((issued - began) * 1_000);
      checked.push((verified - issued) * 1_000);
    }
    done.push({ issue: median(issue), verify: median(checked) });
  }
  svids.dispose();
  authority.dispose();
  return done;
}

function keyPair() {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}
