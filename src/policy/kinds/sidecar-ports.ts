import { choice, integer, object, text } from '../shape-builders.ts';

/** 0, like none, stands beside a unix socket. */
export const sidecarPort = object({
  number: integer(0, 65_535),
  protocol: text(undefined, { allowEmpty: true }),
  name: text('any-case-label', { allowEmpty: true }),
});

/** Nothing redirects connections yet, so what needs that is refused; all others bind. */
export const captureMode = choice(['DEFAULT', 'NONE'], { refused: { IPTABLES: 'T2' } });

/** The path of `unix:///run/app.sock`, or of `unix://@name`, which is no file; undefined for what is neither. */
export function socketPath(text: string): string | undefined {
  const [, path] = /^unix:\/\/(\/.*[^/]|@.*)$/s.exec(text) ?? [];
  return path;
}
