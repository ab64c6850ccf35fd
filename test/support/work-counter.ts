/**
 * Counts what a synchronous step does with maps, sets and arrays: each lookup and each entry visited, copied or set is one.
 * A figure that does not change with the machine, for promises of the form "an ACK costs the same, whatever the proxy holds".
 */
export function countWork(step: () => void): number {
  let work = 0;
  let isCounting = false;
  const restored: (() => void)[] = [];
  const replace = (owner: object, name: PropertyKey, cost: (self: unknown) => number) => {
    const present = Object.getOwnPropertyDescriptor(owner, name);
    const original: unknown = present?.value;
    if (present === undefined || typeof original !== 'function') return;
    restored.push(() => Object.defineProperty(owner, name, present));
    const counted = function (this: unknown, ...parameters: unknown[]): unknown {
      if (isCounting) work += cost(this);
      return Reflect.apply(original, this, parameters);
    };
    Object.defineProperty(owner, name, { ...present, value: counted });
  };
  const one = () => 1;
  const all = (self: unknown) => (self instanceof Map || self instanceof Set ? self.size + 1 : 1);
  const length = (self: unknown) => (Array.isArray(self) ? self.length + 1 : 1);
  for (const name of ['get', 'has', 'set', 'delete']) replace(Map.prototype, name, one);
  for (const name of ['has', 'add', 'delete']) replace(Set.prototype, name, one);
  for (const owner of [Map.prototype, Set.prototype])
    for (const name of ['forEach', 'keys', 'values', 'entries', Symbol.iterator]) replace(owner, name, all);
  for (const name of [
    'map',
    'filter',
    'flatMap',
    'reduce',
    'some',
    'every',
    'find',
    'findIndex',
    'slice',
    'concat',
    'sort',
  ])
    replace(Array.prototype, name, length);
  for (const name of [
    'includes',
    'indexOf',
    'toSpliced',
    'toSorted',
    'with',
    'values',
    'entries',
    'join',
    Symbol.iterator,
  ])
    replace(Array.prototype, name, length);
  try {
    isCounting = true;
    step();
  } finally {
    isCounting = false;
    for (const restore of restored.reverse()) restore();
  }
  return work;
}
