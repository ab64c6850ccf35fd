import { type XdsType, xdsTypes } from '../model/status.ts';
import {
  clusterType,
  endpointType,
  extensionType,
  listenerType,
  routeType,
  secretType,
  virtualHostType,
} from '../xds/resource-types.ts';

/** The type URL of each type that people see. */
export const urlOf: Readonly<Record<XdsType, string>> = {
  CDS: clusterType,
  LDS: listenerType,
  EDS: endpointType,
  RDS: routeType,
  VHDS: virtualHostType,
  SDS: secretType,
  ECDS: extensionType,
};

const shortTypes: ReadonlyMap<string, XdsType> = new Map(xdsTypes.map((type) => [urlOf[type], type]));

/** `CDS` for the type URL of clusters; undefined for a type that Weft does not serve. */
export function shortType(typeUrl: string): XdsType | undefined {
  return shortTypes.get(typeUrl);
}
