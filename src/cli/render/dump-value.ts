/** JSON as it was read: nothing is known of its shape yet. */
export type Json = unknown;

/** The field of a JSON object under its proto name (`route_config`) or its JSON name (`routeConfig`): Envoys write the first. */
export function field(value: Json, protoName: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const object = value as Readonly<Record<string, Json>>;
  const jsonName = protoName.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return object[protoName] ?? object[jsonName];
}

/** The key under which a JSON object has that field; undefined: it has none. */
export function keyOf(value: Json, protoName: string): string | undefined {
  if (field(value, protoName) === undefined) return undefined;
  return protoName in objectOf(value)
    ? protoName
    : protoName.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** The fields of a JSON object; none of all else. */
export function objectOf(value: Json): Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

/** A field of a field of a …: `at(value, 'address', 'socket_address', 'port_value')`. */
export function at(value: Json, ...path: readonly string[]): Json {
  return path.reduce(field, value);
}

/** The items of a list; nothing where there is none. */
export function items(value: Json): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

/** A text or number as text; empty for all else. */
export function textOf(value: Json): string {
  return typeof value === 'string'
    ? value
    : typeof value === 'number' || typeof value === 'boolean'
      ? String(value)
      : '';
}

/** `127.0.0.1:21001`, `[::1]:80`, or the path of a socket; empty if the address is none of these. */
export function addressText(address: Json): string {
  const host = textOf(at(address, 'socket_address', 'address'));
  const port = textOf(at(address, 'socket_address', 'port_value'));
  if (host === '') return textOf(at(address, 'pipe', 'path'));
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Every value under the name, however deep. */
export function everywhere(value: Json, protoName: string): readonly Json[] {
  if (Array.isArray(value)) return value.flatMap((item) => everywhere(item, protoName));
  if (typeof value !== 'object' || value === null) return [];
  const own = field(value, protoName);
  return [
    ...(own === undefined ? [] : [own]),
    ...Object.values(value as Readonly<Record<string, Json>>).flatMap((inner) => everywhere(inner, protoName)),
  ];
}
