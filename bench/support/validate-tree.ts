import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { documentsEach, namespaceName, serviceText } from './policy-tree.ts';

export interface PolicyFolder {
  readonly folder: string;
  readonly files: number;
  readonly documents: number;
  /** What `weft validate` is to find. */
  readonly findings: { readonly errors: number; readonly warnings: number };
  remove(): void;
}

const namespaces = 20;

/** In the files of the service of this index: a misspelt field, a subset that is not there, a word where a number belongs. */
const mistakes: ReadonlyMap<number, readonly [string, string]> = new Map([
  [11, ['timeout: 2000ms', 'tiemout: 2000ms']],
  [103, ['subset: v2 }\n    timeout', 'subset: v3 }\n    timeout']],
  [202, ['weight: 90', 'weight: ninety']],
]);

/** One file for each service, with all of its documents, and the mistakes that people make in a few. */
export function createServiceFolder(files: number): PolicyFolder {
  const texts = Array.from({ length: files }, (_, index) => {
    const namespace = index % namespaces;
    const text = serviceText(namespace, index, 0);
    return [`${namespaceName(namespace)}/service-${index}.yaml`, text, mistakes.get(index)] as const;
  });
  return createFolder(texts, documentsEach);
}

/** One file for each document, as people keep what they apply to Kubernetes: `team-3/service-7/virtual-service.yaml`, in git. */
export function createDocumentFolder(files: number): PolicyFolder {
  const perNamespace = Math.ceil(files / namespaces);
  const services = Math.floor((perNamespace - 2) / documentsEach);
  const texts: [string, string, (readonly [string, string])?][] = [];
  for (let namespace = 0; namespace < namespaces; namespace += 1) {
    const below = namespaceName(namespace);
    for (let index = namespace * services; index < (namespace + 1) * services; index += 1) {
      const documents = serviceText(namespace, index, 0).split('---\n');
      const names = ['service', 'virtual-service', 'destination-rule', 'authorization-policy'];
      documents.forEach((text, at) => {
        texts.push([`${below}/service-${index}/${names[at]}.yaml`, text, at === 1 ? mistakes.get(index) : undefined]);
      });
    }
    texts.push([`${below}/peer-authentication.yaml`, peerAuthentication(below)]);
    texts.push([`${below}/payments.yaml`, serviceEntry(below)]);
  }
  const made = createFolder(texts, 1);
  writeFileSync(join(made.folder, 'weft.yaml'), 'trustDomain: bench.test\npolicy:\n  path: policies\n');
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Ana', '-c', 'user.email=ana@bench.test', ...args], { cwd: made.folder });
  git('init', '-q');
  git('add', '-A');
  git('commit', '-q', '-m', 'all');
  return made;
}

function peerAuthentication(namespace: string): string {
  return `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: default
  namespace: ${namespace}
spec:
  mtls:
    mode: STRICT
`;
}

function serviceEntry(namespace: string): string {
  return `# The payment provider of this team.
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: payments
  namespace: ${namespace}
spec:
  hosts:
  - payments.${namespace}.example.com
  exportTo: ["."]
  location: MESH_EXTERNAL
  resolution: DNS
  ports:
  - number: 443
    name: tls
    protocol: TLS
`;
}

/** A folder of policies that is no repository. Each text has its path, and what of it is replaced by a mistake. */
function createFolder(
  texts: readonly (readonly [string, string, (readonly [string, string])?])[],
  documentsAFile: number,
): PolicyFolder {
  const folder = mkdtempSync(join(tmpdir(), 'weft-bench-'));
  let errors = 0;
  for (const [path, text, wrong] of texts) {
    const file = join(folder, 'policies', path);
    const written = wrong === undefined ? text : text.replace(...wrong);
    if (written !== text) errors += 1;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, written);
  }
  return {
    folder,
    files: texts.length,
    documents: texts.length * documentsAFile,
    findings: { errors, warnings: 0 },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
