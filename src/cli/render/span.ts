const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** A length of time as a column shows it: `41s`, `12m`, `3h12m`, `2d4h`. */
export function shortSpan(milliseconds: number): string {
  const span = Math.max(0, milliseconds);
  if (span < minute) return `${Math.floor(span / second)}s`;
  if (span < hour) return `${Math.floor(span / minute)}m`;
  const pair = (big: number, bigWord: string, small: number, smallWord: string) => {
    const rest = Math.floor((span % big) / small);
    return `${Math.floor(span / big)}${bigWord}${rest === 0 ? '' : `${rest}${smallWord}`}`;
  };
  return span < day ? pair(hour, 'h', minute, 'm') : pair(day, 'd', hour, 'h');
}

/** A length of time in a sentence: `40 s`, `3 min`, `5 h`, `12 days`. */
export function spanInWords(milliseconds: number): string {
  const span = Math.max(0, milliseconds);
  if (span < minute) return `${Math.floor(span / second)} s`;
  if (span < hour) return `${Math.floor(span / minute)} min`;
  if (span < 2 * day) return `${Math.floor(span / hour)} h`;
  return `${Math.floor(span / day)} days`;
}

/** `3 min ago` for an ISO time; `now` in milliseconds since 1970. */
export function ago(iso: string, now: number): string {
  return `${spanInWords(now - Date.parse(iso))} ago`;
}
