/**
 * What docs/codes/CODE.md says, in the one form that such a page has: title line; severity and stage; the cause in one paragraph, with a
 * second one for notes; a `bad` block; what is printed (a block `text`, written by `npm run reference`); a `good` block; `Fix: …`.
 */
export interface CodePageFile {
  readonly code: string;
  readonly title: string;
  readonly severity: string;
  readonly stage: string;
  readonly cause: string;
  readonly language: 'yaml' | 'sh';
  readonly bad: string;
  /** What `weft validate` prints about the marked place; empty for lines of a shell. */
  readonly printed: string;
  readonly good: string;
  readonly fix: string;
}

/** A file of an example; a block is one file unless `# file: PATH` lines name several. */
export interface ExampleFile {
  readonly path: string;
  readonly text: string;
}

const form =
  /^# (?<code>WEFT\d{4}) (?<title>[^\n]+)\n\nSeverity: (?<severity>error|warning|info)\. Stage: (?<stage>text|references|operation)\.\n\n(?<cause>[^\n`#][^\n]*)\n(?:\n[^\n`#][^\n]*\n)?\n```(?<language>yaml|sh) bad\n(?<bad>[\s\S]*?)```\n\n(?:```text\n(?<printed>[\s\S]*?)```\n\n)?```(?<same>yaml|sh) good\n(?<good>[\s\S]*?)```\n\nFix: (?<fix>[^\n]+)\n$/;

/** Reads a page; undefined where it has another form than all others. */
export function parseCodePage(text: string): CodePageFile | undefined {
  const { groups } = form.exec(text) ?? {};
  if (!groups || groups.language !== groups.same) return undefined;
  const {
    code = '',
    title = '',
    severity = '',
    stage = '',
    cause = '',
    bad = '',
    printed = '',
    good = '',
    fix = '',
  } = groups;
  const language = groups.language === 'sh' ? 'sh' : 'yaml';
  return { code, title, severity, stage, cause, language, bad, printed, good, fix };
}

/** The page with this as what is printed. */
export function withPrinted(page: string, printed: string): string {
  const bare = page.replace(/```text\n[\s\S]*?```\n\n/, '');
  return bare.replace(/(?=```yaml good\n)/, () => `\`\`\`text\n${printed}\`\`\`\n\n`);
}

/** The files of an example. `{100 KiB}` stands for that many letters and one more. */
export function exampleFiles(block: string): readonly ExampleFile[] {
  const files: { path: string; lines: string[] }[] = [];
  for (const line of block.replace('{100 KiB}', 'x'.repeat(100 * 1024 + 1)).split('\n')) {
    const [, path] = /^# file: (\S+)$/.exec(line) ?? [];
    if (path !== undefined) files.push({ path, lines: [] });
    else {
      if (files.length === 0) files.push({ path: 'policies/shop/example.yaml', lines: [] });
      files.at(-1)?.lines.push(line);
    }
  }
  return files.map(({ path, lines }) => ({ path, text: lines.join('\n') }));
}

/**
 * What an example announces, as `path:line WORD`: `# <- here` is the code of the page, `# <- also CODE` another one, and `# <- other` the
 * place that the finding names besides its own.
 */
export function announced(files: readonly ExampleFile[], code: string): readonly string[] {
  return files
    .flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, index) => {
        const marks = [...line.matchAll(/# <- (?:(here)|(other)|also (WEFT\d{4}))/g)];
        return marks.map(([, here, other, also]) => `${path}:${index + 1} ${here ? code : (other ?? also)}`);
      }),
    )
    .sort();
}
