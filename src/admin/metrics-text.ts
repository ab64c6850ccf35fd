import type { MetricFamily, MetricSample } from './admin-source.ts';

/** Prometheus text of metric families, sorted by name; a name that comes twice is a bug of whoever made it. */
export function metricsText(families: readonly MetricFamily[]): string {
  const sorted = [...families].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return sorted
    .map((family) => {
      const head = `# HELP ${family.name} ${escapeHelp(family.help)}\n# TYPE ${family.name} ${family.type}\n`;
      return head + family.samples.map((sample) => sampleLine(family.name, sample)).join('');
    })
    .join('');
}

function sampleLine(name: string, sample: MetricSample): string {
  const labels = Object.entries(sample.labels ?? {}).map(([key, value]) => `${key}="${escapeLabel(value)}"`);
  return `${name}${sample.suffix ?? ''}${labels.length === 0 ? '' : `{${labels.join(',')}}`} ${number(sample.value)}\n`;
}

function number(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  return String(value);
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
