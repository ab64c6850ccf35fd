import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Documents for each service: Service, VirtualService, DestinationRule, AuthorizationPolicy. */
export const documentsEach = 4;

export interface TreeSize {
  readonly namespaces: number;
  /** In each namespace; one file for each five. */
  readonly services: number;
}

export interface PolicyRepository {
  readonly folder: string;
  readonly files: number;
  readonly documents: number;
  /** Changes one VirtualService, the same one each time, and commits. */
  change(mark: number): void;
  remove(): void;
}

const servicesAFile = 5;

/** A git repository with a policy tree as people write it, of that size. */
export function createPolicyRepository({ namespaces, services }: TreeSize): PolicyRepository {
  const folder = mkdtempSync(join(tmpdir(), 'weft-bench-'));
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Ana', '-c', 'user.email=ana@bench.test', ...args], { cwd: folder });
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  let files = 0;
  for (let namespace = 0; namespace < namespaces; namespace += 1) {
    for (let first = 0; first < services; first += servicesAFile) {
      files += 1;
      write(pathOf(namespace, first), fileText(namespace, first, services, 0));
    }
  }
  git('init', '-q');
  git('add', '-A');
  git('commit', '-q', '-m', 'all');
  return {
    folder,
    files,
    documents: namespaces * services * documentsEach,
    change(mark) {
      write(pathOf(0, 0), fileText(0, 0, services, mark));
      git('commit', '-q', '-a', '-m', `change ${mark}`);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export function namespaceName(index: number): string {
  return `team-${index}`;
}

export function serviceName(index: number): string {
  return `service-${index}`;
}

function pathOf(namespace: number, first: number): string {
  return `policies/${namespaceName(namespace)}/services-${first}.yaml`;
}

function fileText(namespace: number, first: number, services: number, mark: number): string {
  const indexes = Array.from({ length: Math.min(servicesAFile, services - first) }, (_, index) => first + index);
  return indexes.map((index) => serviceText(namespace, index, index === 0 ? mark : 0)).join('---\n');
}

/** `mark` changes a timeout. */
export function serviceText(namespace: number, index: number, mark: number): string {
  const [name, of] = [serviceName(index), namespaceName(namespace)];
  const metadata = `metadata:\n  name: ${name}\n  namespace: ${of}\n`;
  return `apiVersion: v1
kind: Service
${metadata}spec:
  selector: { app: ${name} }
  ports:
  - { name: http, port: 80, targetPort: 8080 }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
${metadata}spec:
  hosts: [${name}]
  http:
  - name: canary
    match:
    - headers: { x-canary: { exact: "1" } }
      uri: { prefix: /api/ }
    route:
    - destination: { host: ${name}, subset: v2 }
    timeout: ${2_000 + mark}ms
    retries: { attempts: 2, perTryTimeout: 500ms, retryOn: "5xx,reset" }
  - route:
    - destination: { host: ${name}, subset: v1 }
      weight: 90
    - destination: { host: ${name}, subset: v2 }
      weight: 10
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
${metadata}spec:
  host: ${name}
  trafficPolicy:
    connectionPool:
      tcp: { maxConnections: 100, connectTimeout: 2s }
      http: { http1MaxPendingRequests: 50, maxRetries: 3 }
    outlierDetection: { consecutive5xxErrors: 5, interval: 10s, baseEjectionTime: 30s }
  subsets:
  - name: v1
    labels: { version: v1 }
  - name: v2
    labels: { version: v2 }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
${metadata}spec:
  selector: { matchLabels: { app: ${name} } }
  rules:
  - from:
    - source: { namespaces: [${of}] }
    to:
    - operation: { methods: [GET, POST], paths: ["/api/*"] }
`;
}
