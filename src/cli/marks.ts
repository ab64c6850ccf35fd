export interface Marks {
  readonly good: string;
  readonly warning: string;
  readonly bad: string;
}

/** `√ ‼ ×`, or `ok ! x` where the locale is not UTF-8 (section 1.1 of experience.md). */
export function marks(env: NodeJS.ProcessEnv): Marks {
  const locale = [env.LC_ALL, env.LC_CTYPE, env.LANG].find((name) => name !== undefined && name !== '') ?? '';
  return /utf-?8/i.test(locale) ? { good: '√', warning: '‼', bad: '×' } : { good: 'ok', warning: '!', bad: 'x' };
}
