import type { LowerContext } from '../kind-definition.ts';
import { exportToAnnotation } from '../read-metadata.ts';
import { textRules } from '../text-rules.ts';

/** P6 for a `v1/Service`: its annotation `networking.istio.io/exportTo`, entries parted by commas; else as MeshConfig says (D19). */
export function annotatedExportTo(context: LowerContext): readonly string[] {
  const written = context.annotations[exportToAnnotation];
  if (written === undefined) return context.exportTo;
  const field = `metadata.annotations["${exportToAnnotation}"]`;
  const entries = written.split(',').map((entry) => entry.trim());
  for (const entry of entries) {
    const expected = entry === '' ? 'entries parted by commas' : textRules['export-to'](entry);
    if (expected === undefined) continue;
    const message = `expected ${expected}, got ${JSON.stringify(entry)}`;
    context.report('WEFT0002', field, message, 'write ".", "*", "~", or namespaces', { part: entry });
  }
  const alone = entries.find((entry) => entry === '*' || entry === '~');
  if (alone !== undefined && entries.length > 1) {
    const message = `${JSON.stringify(alone)} and other entries exclude each other`;
    context.report('WEFT0137', field, message, `write ${JSON.stringify(alone)} alone`);
  }
  return entries;
}
