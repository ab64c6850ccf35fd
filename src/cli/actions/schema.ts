import { Failure } from '../../model/failure.ts';
import { nearestName } from '../../model/nearest-name.ts';
import { documentShapes } from '../../policy/document-shapes.ts';
import { editorSchema } from '../../policy/editor-schema.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { schemaFlags } from '../verbs/schema.ts';

/** `weft schema`: made from the shapes that the parser reads by. */
export async function schema(context: VerbContext<typeof schemaFlags>): Promise<ExitCode> {
  const { kind } = context.flags;
  const made = editorSchema(kind);
  if (made === undefined) {
    const kinds = documentShapes.map((shape) => shape.kind);
    const near = nearestName(kind ?? '', kinds);
    const hint = near === undefined ? `known: ${kinds.join(', ')}` : `did you mean ${near}?`;
    throw new Failure('WEFT0912', `there is no kind "${kind}"`, hint);
  }
  context.output.document(`${JSON.stringify(made, null, 2)}\n`);
  return 0;
}
