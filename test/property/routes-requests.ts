import fc from 'fast-check';
import type { SentRequest } from '../../src/resolve/seen-request.ts';
import {
  type Condition,
  headerName,
  method,
  path,
  value,
  type WrittenMatch,
  type WrittenRule,
} from './routes-world.ts';

const query = fc.constantFrom(
  '',
  '?',
  '?q=1',
  '?q',
  '?q=',
  '?q=a&q=b',
  '?r=a&q=1',
  '?&q=1',
  '?Q=1',
  '?q=a=b',
  '?q=%61',
  '?a%20b=1',
  '?%71=a',
  '?x?q=1',
  '?q=1;r=2',
  '?r=%C3%A9',
  '?/../b//c',
);

/** A text that may meet a condition; undefined: the condition has none to offer. */
function textFor({ exact, prefix }: Condition, more: string): string | undefined {
  return exact ?? (prefix === undefined ? undefined : `${prefix}${more}`);
}

/** How a program may write the host of a service, with a port or without. */
export function authorities(name: string): fc.Arbitrary<string> {
  const port = fc.constantFrom('', ':80', ':80', ':9080', ':9080', ':81');
  if (name.startsWith('*.')) {
    const base = name.slice(2);
    const host = fc.constantFrom(
      `x.${base}`,
      `x.${base}`,
      `x.y.${base}`,
      `x.a.${base}`,
      base,
      `X.${base.toUpperCase()}`,
    );
    return fc.tuple(host, port).map((parts) => parts.join(''));
  }
  return fc
    .tuple(
      fc.constantFrom(
        '',
        '',
        '.shop',
        '.shop',
        '.shop.svc',
        '.shop.svc.cluster.local',
        '.shop.svc.cluster.local.',
        '.shop.mesh',
        '.bank',
        '.SHOP',
      ),
      port,
      fc.boolean(),
    )
    .map(([rest, port, upper]) => `${upper ? name.toUpperCase() : name}${rest}${port}`);
}

export interface AskedRequest extends SentRequest {
  /** The request line names the whole URL, as behind HTTP_PROXY. */
  readonly absolute: boolean;
}

/** A request to a service, made from one of its matches and then changed a little. */
export function request(name: string, written: readonly WrittenRule[]): fc.Arbitrary<AskedRequest> {
  const matches = written.flatMap((rule) => rule.match ?? []);
  const aimed = matches.length === 0 ? fc.constant<WrittenMatch>({}) : fc.constantFrom(...matches);
  return fc
    .record({
      aim: aimed,
      obeys: fc.constantFrom(true, true, true, false),
      own: path,
      tail: fc.constantFrom('', '', '', 's', '/', '/a', '/1', 'a'),
      case: fc.constantFrom('as is', 'as is', 'upper'),
      query,
      method,
      authority: authorities(name),
      scheme: fc.constantFrom('http', 'http', 'https'),
      absolute: fc.boolean(),
      more: value,
      id: fc.constantFrom('1', 'a', 'yes', 'e0'),
      headers: fc.array(
        fc.tuple(
          headerName.filter((header) => header !== 'host'),
          value,
        ),
        { maxLength: 3 },
      ),
    })
    .map((made) => {
      const { aim, obeys } = made;
      const asked = <T>(wanted: T | undefined, otherwise: T): T => (obeys && wanted !== undefined ? wanted : otherwise);
      const target = asked(aim.uri && textFor(aim.uri, made.tail), made.own);
      const wanted = Object.entries(aim.headers ?? {}).flatMap(([header, each]) => {
        const text = textFor(each, made.more) ?? made.more;
        return header === 'host' ? [] : [[header, text] as const];
      });
      const parameters = Object.entries(aim.queryParams ?? {}).map(
        ([key, each]) => `${key}=${textFor(each, '1') ?? '1'}`,
      );
      const queryText =
        obeys && parameters.length > 0 ? `?${parameters.join('&').replaceAll(/[^\x21-\x7e]/g, '')}` : made.query;
      const whole = target.startsWith('/') ? target : `/${target}`;
      const scheme = made.absolute ? { scheme: made.scheme } : {};
      return {
        method: asked(aim.method && textFor(aim.method, 'ET'), made.method),
        authority: asked(aim.authority?.exact, made.authority),
        path: `${made.case === 'upper' ? whole.toUpperCase() : whole}${queryText}`.replaceAll(' ', '%20'),
        // Else the sidecar makes one up, and nobody knows how it begins.
        headers: [...(obeys ? wanted : []), ...made.headers, ['x-request-id', made.id] as const],
        absolute: made.absolute,
        ...scheme,
      };
    });
}
