import type { Scope } from '../model/ir.ts';
import type { Inbound } from '../model/ir-inbound.ts';
import type { ProbeDecision } from '../model/ir-probe.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Decided } from '../model/provenance.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Cell, Readable } from '../model/readable.ts';
import type { Workload } from '../model/workload.ts';
import type { SecretMaterial } from '../translate/translate-secrets.ts';
import type { Layer } from '../xds/layer.ts';
import type { Snapshot } from '../xds/snapshot.ts';
import type { PreparedScope } from './prepare-view.ts';
import type { CaptureLayer, ViewLayer } from './shared-layers.ts';

/** Proxies of one scope and capture setting: all that is shared, they share. */
export interface Group {
  readonly view: SharedView;
  readonly capture: Proxy['capture'];
  readonly members: Set<Member>;
  made?: CaptureLayer | undefined;
}

export interface SharedView {
  readonly key: string;
  readonly scope: Scope;
  made?: ViewLayer | undefined;
}

/** What was made of one mesh ahead of those who need it: by scope, and which groups that is enough for. */
export interface Ready {
  readonly mesh: Mesh | undefined;
  readonly groups: Set<string>;
  readonly scopes: Map<string, PreparedScope>;
}

export interface Member {
  readonly proxy: Proxy;
  readonly secrets: Readable<SecretMaterial | undefined>;
  readonly cell: Cell<Snapshot | undefined>;
  group?: Group;
  own?: Layer;
  /** What `own` was made of: while both are the same objects there is nothing to make. */
  madeOf?: {
    readonly inbound: readonly Inbound[];
    readonly probe: Decided<ProbeDecision> | undefined;
    readonly held: SecretMaterial;
  };
  /** Of the registry, when it was looked at last. */
  workload?: Workload | undefined;
  /** Its own part could not be made: it is tried again with every mesh. */
  behind: boolean;
}

/** The layers that all of a group have. */
export function partsOf({ view, made }: Group): readonly (Layer | undefined)[] {
  return [view.made?.layer, made?.layer];
}
