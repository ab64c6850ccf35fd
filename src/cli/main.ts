#!/usr/bin/env node
import { fchmodSync, fstatSync, readFileSync } from 'node:fs';
import { runCli } from './run-cli.ts';
import { verbs } from './verbs.ts';

/*
 * The entry file. Behind its static imports stand commander, Node's own modules and the definitions of the verbs, nothing else: a verb
 * imports its work when it runs, so that `weft --help` answers within 120 ms (section 2.5 of experience.md). A test asserts that.
 */

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

async function readInput(): Promise<string> {
  process.stdin.setEncoding('utf8');
  let input = '';
  for await (const chunk of process.stdin) input += chunk;
  return input;
}

// A reader that went away (`weft … | head`) is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 2));

process.exitCode = await runCli(verbs, {
  words: process.argv.slice(2),
  version: version(),
  env: process.env,
  cwd: process.cwd(),
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  readInput,
  makeOutputPrivate() {
    if (fstatSync(1).isFile()) fchmodSync(1, 0o600);
  },
  onInterrupt(listener) {
    process.on('SIGINT', () => listener('SIGINT'));
    process.on('SIGTERM', () => listener('SIGTERM'));
  },
});
