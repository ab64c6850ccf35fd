import type { VersionInfo } from './admin-source.ts';
import { endpoints } from './role-table.ts';

/** The index page of `/debug`: every endpoint with one line about it. Everything is escaped; it needs no script and no style. */
export function debugIndex(version: VersionInfo): string {
  const rows = endpoints.map(({ method, path, about }) => {
    const name = escapeHtml(`${method === 'GET' ? '' : `${method} `}${path}`);
    const plain = method === 'GET' && !path.includes(':') && !about.includes('?proxyID');
    const cell = plain ? `<a href="${escapeHtml(path)}">${name}</a>` : name;
    return `<tr><td><code>${cell}</code></td><td>${escapeHtml(about)}</td></tr>`;
  });
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Weft debug</title></head><body>
<h1>Weft ${escapeHtml(version.server)}, ${escapeHtml(version.replica)}</h1>
<p>Add <code>?pretty</code> for indented JSON.</p>
<table>
${rows.join('\n')}
</table>
</body></html>
`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '');
}
