import type { Diagnostic } from '../model/diagnostic.ts';
import type { MeshSettings } from '../model/mesh.ts';

/** Where first bytes tell what a service's port speaks, nothing lacks that does not declare it (WEFT0118). */
export function withoutDetected(
  findings: readonly Diagnostic[],
  { protocolDetection }: Pick<MeshSettings, 'protocolDetection'>,
): readonly Diagnostic[] {
  if (protocolDetection !== 'auto') return findings;
  return findings.filter(({ code, object }) => code !== 'WEFT0118' || object?.kind === 'Sidecar');
}
