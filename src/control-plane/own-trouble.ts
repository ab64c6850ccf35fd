/**
 * What to do where a proxy refused something for a cause of its own machine, or of what it holds, if Envoy's words tell the cause
 * (docs/decisions/46). `message` are those words, of one resource or of several.
 */
export function ownTroubleFix(message: string, name: string, node: string): string | undefined {
  if (/cannot be changed during an update/i.test(message))
    return `start the Envoy of ${node} anew: it cannot change that while it runs`;
  const taken = placeInUse(message, name);
  if (taken === undefined) return undefined;
  const flag = name.startsWith('in_') ? '--inbound-port or --inbound-bind' : '--bind';
  return [
    `another program beside ${node} listens at ${taken}, often another sidecar: start one of them with another ${flag}`,
    `or stop that one, then weft nacks --release ${name}`,
  ].join(', ');
}

/** `127.0.0.1:21000`, where that is in use; of several resources the one that is meant. */
function placeInUse(message: string, name: string): string | undefined {
  const own = message.indexOf(`${name}: `);
  const words = own < 0 ? message : message.slice(own);
  return /^[^']*cannot bind '([^']+)': Address already in use/i.exec(words)?.[1];
}
