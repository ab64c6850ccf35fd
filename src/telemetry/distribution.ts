/**
 * How often which value occurred: logarithmic bins 8 % wide, so a quantile is right within 4 %, whatever the range. Only bins that
 * hold something take memory. Values are milliseconds; counts may be fractions, as summaries are taken apart into them.
 */
export interface Distribution {
  count: number;
  sum: number;
  readonly bins: Map<number, number>;
}

const ratio = 1.08;
const smallest = 0.01;
/** Bins end at about 28 hours. */
const lastBin = Math.ceil(Math.log(1e8 / smallest) / Math.log(ratio));

export function emptyDistribution(): Distribution {
  return { count: 0, sum: 0, bins: new Map() };
}

/** A quantile of a summary: the share of values that are at most `value`. */
export interface QuantilePoint {
  readonly quantile: number;
  readonly value: number;
}

/**
 * Adds the values that a summary stands for: between two of its quantiles they are taken as evenly spread. Points must be sorted by
 * quantile, values be finite and not negative.
 */
export function addSummary(into: Distribution, count: number, sum: number, points: readonly QuantilePoint[]): void {
  const [first, ...rest] = points;
  if (first === undefined || count <= 0) return;
  into.count += count;
  into.sum += sum;
  let from = { quantile: 0, value: first.value };
  for (const point of [first, ...rest]) {
    spread(into.bins, from.value, point.value, count * (point.quantile - from.quantile));
    from = point;
  }
  spread(into.bins, from.value, from.value, count * (1 - from.quantile));
}

export function addDistribution(into: Distribution, other: Distribution): void {
  into.count += other.count;
  into.sum += other.sum;
  for (const [bin, count] of other.bins) into.bins.set(bin, (into.bins.get(bin) ?? 0) + count);
}

/** The value below which the share `q` (0 to 1) lies; undefined if there are no values. */
export function quantile(of: Distribution, q: number): number | undefined {
  const sorted = [...of.bins].sort(([a], [b]) => a - b);
  const total = sorted.reduce((all, [, count]) => all + count, 0);
  if (total <= 0) return undefined;
  let left = q * total;
  for (const [bin, count] of sorted) {
    if (left <= count) return lowerEdge(bin) + (lowerEdge(bin + 1) - lowerEdge(bin)) * (left / count);
    left -= count;
  }
  const [last] = sorted.at(-1) ?? [];
  return last === undefined ? undefined : lowerEdge(last + 1);
}

/** How many values are at most `bound`. */
export function countUpTo(of: Distribution, bound: number): number {
  let count = 0;
  for (const [bin, here] of of.bins) {
    const low = lowerEdge(bin);
    const high = lowerEdge(bin + 1);
    if (high <= bound) count += here;
    else if (low < bound) count += (here * (bound - low)) / (high - low);
  }
  return count;
}

function spread(bins: Map<number, number>, from: number, to: number, count: number): void {
  if (count <= 0) return;
  const low = Math.min(from, to);
  const high = Math.max(from, to);
  const last = binOf(high);
  for (let bin = binOf(low); bin <= last; bin++) {
    const share =
      high === low
        ? 1
        : (Math.min(high, bin === last ? high : lowerEdge(bin + 1)) - Math.max(low, lowerEdge(bin))) / (high - low);
    if (share > 0) bins.set(bin, (bins.get(bin) ?? 0) + count * share);
  }
}

function binOf(value: number): number {
  if (value < smallest) return 0;
  return Math.min(lastBin, 1 + Math.floor(Math.log(value / smallest) / Math.log(ratio)));
}

/** Bin 0 holds everything below the smallest value. */
function lowerEdge(bin: number): number {
  return bin === 0 ? 0 : smallest * ratio ** (bin - 1);
}
