import type { EdgeRow, OwnUse, TlsTrouble } from '../../model/traffic.ts';
import { outReasons, outside, tlsTroubles } from '../../model/traffic.ts';
import type { Marks } from '../marks.ts';
import type { Column } from '../output.ts';
import { outText } from './held-out.ts';

/** The table of calls, as `weft edges` and the demo show it (section 1.1 of experience.md). The last column holds notes. */
export function edgeColumns(marks: Marks): readonly Column<EdgeRow>[] {
  return [
    { title: 'FROM', of: (row) => row.from },
    { title: 'TO', of: (row) => row.to },
    { title: 'RPS', of: (row) => rate(row.rps).padStart(4) },
    { title: 'SUCCESS', of: (row) => percent(row.success).padStart(7) },
    { title: 'P50', of: (row) => latency(row.p50) },
    { title: 'P99', of: (row) => latency(row.p99) },
    {
      title: 'MTLS',
      of: (row) => tlsWord(row, marks),
    },
    { title: '', of: notes },
    { title: 'P95', of: (row) => latency(row.p95), wide: true },
    { title: 'REQUESTS', of: (row) => String(row.requests), wide: true },
    { title: 'CODES', of: (row) => row.codes.map(({ name, count }) => `${name}:${count}`).join(' '), wide: true },
  ];
}

/** Whether all was under mesh TLS; `TLS` where the caller's sidecar began another one in place of the program, which is neither that nor plaintext. */
function tlsWord({ from, mtls, tls }: EdgeRow, { good, bad }: Marks): string {
  const mesh = mtls === undefined || from === outside ? [] : [mtls ? good : bad];
  const words = [...mesh, ...(tls === undefined ? [] : ['TLS'])];
  return words.length === 0 ? '-' : words.join(' ');
}

/** Whole requests a second, with one digit below ten where it says more. */
function rate(rps: number): string {
  return rps >= 10 || Number.isInteger(rps) ? String(Math.round(rps)) : rps.toFixed(1);
}

/** Two digits; never rounded up to 100.00% while anything failed. */
function percent(share: number): string {
  return `${(share === 1 ? 100 : Math.min(share * 100, 99.99)).toFixed(2)}%`;
}

function latency(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return '-';
  return milliseconds < 9_999.5 ? `${Math.round(milliseconds)}ms` : `${(milliseconds / 1000).toFixed(1)}s`;
}

/** Answers that are no failure of the callee (SUCCESS counts them), and yet not what the caller wanted: who, may not, too often. */
const refusalCodes: ReadonlySet<string> = new Set(['401', '403', '429']);

function notes(row: EdgeRow): string {
  const split =
    row.split.length < 2 ? [] : row.split.map(({ version, share }) => `${version} ${Math.round(share * 100)}%`);
  const flags = row.flags.map(({ name, count }) => `${name} ${count}`);
  const refusals = row.codes.filter(({ name }) => refusalCodes.has(name)).map(({ name, count }) => `${name} ${count}`);
  const turnedAway = row.refused === undefined ? [] : [`refused ${row.refused}`];
  const held = outReasons.flatMap((why) => (row[why] === undefined ? [] : [outText(why, row[why])]));
  const tls = (row.tlsFailures ?? []).map(({ name, count }) => `tls:${name} ${count}`);
  const all = [...besideText(row), ...split, ...flags, ...refusals, ...turnedAway, ...held, ...tls];
  return [...(row.protocol === 'tcp' ? ['tcp'] : []), ...all].join('  ');
}

const useWords: Readonly<Record<OwnUse, string>> = {
  mirrors: 'mirrored',
  keys: 'keys of tokens',
  authorizer: 'asks the authorizer',
};

function besideText({ beside, uses = [], dryRun }: EdgeRow): readonly string[] {
  switch (beside) {
    case undefined:
      return [];
    case 'own':
      return [`by its sidecar: ${uses.map((use) => useWords[use]).join(', ')}`];
    case 'cut':
      return ['neither mesh TLS nor what the port takes'];
    case 'dry-run':
      return [`dry-run ${dryRun?.action} would refuse ${dryRun?.refused}`];
    default:
      return beside satisfies never;
  }
}

const tlsWords: Readonly<Record<TlsTrouble, { readonly says: string; readonly fix: string }>> = {
  names: {
    says: 'its certificate has none of the names that are expected',
    fix: 'tls.subjectAltNames of the DestinationRule (absent: the host), and tls.sni, which it chose the certificate by',
  },
  issuer: {
    says: 'nobody who is believed vouches for its certificate, or it is out of date',
    fix: 'tls.caCertificates or tls.credentialName of the DestinationRule; absent: the roots of the system',
  },
  handshake: {
    says: 'no TLS came about',
    fix: 'does it speak TLS at this port, and ask for a certificate (tls.mode: MUTUAL)?',
  },
};

/** What to look at first where mesh TLS is spoken unless a policy says otherwise (P35, P36). */
const meshFixes: Readonly<Record<TlsTrouble, string>> = {
  names:
    'does each endpoint run under the account that the registry has (weft get workloads -o wide)? With a tls block',
  issuer: 'is the certificate of each endpoint current, and of this mesh (weft cert list)? With a tls block',
  handshake: 'does a proxy of this mesh stand before each endpoint (weft get workloads -o wide)? With a tls block',
};

/**
 * For each pair whose connections found no TLS: why, and what to look at. The count is that of all ports. A host has dots, a
 * service of the mesh has none.
 */
export function tlsLines(rows: readonly EdgeRow[], { bad }: Marks): readonly string[] {
  const lines = rows.flatMap(({ from, to, tlsFailures = [] }) =>
    tlsFailures.flatMap(({ name, count }) => {
      const trouble = tlsTroubles.find((word) => word === name);
      if (trouble === undefined) return [];
      const { says, fix } = tlsWords[trouble];
      const whole = to.includes('.') ? fix : `${meshFixes[trouble]}: ${fix}`;
      return `${bad} ${from} refused the TLS of ${to} ${count} times: ${says}\n    fix    ${whole}`;
    }),
  );
  return [...new Set(lines)].flatMap((text) => text.split('\n'));
}
