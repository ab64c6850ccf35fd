import type { PageView } from './traffic.ts';

/** What was seen of an announced effect: undefined while there is too little to tell. */
export interface Seen {
  readonly ok: boolean;
  readonly text: string;
}

/** One number key: an edit of the policies, and the effect that it announces. */
export interface Step {
  readonly key: string;
  readonly name: 'canary' | 'fault' | 'forbid' | 'broken';
  readonly title: string;
  readonly subject: string;
  readonly file: string;
  /** Text of the file before → after. Throws when the place is no longer there, because somebody edited it. */
  readonly edit: (text: string) => string;
  /** The commit is refused, with this code. */
  readonly rejectedWith?: string;
  /** Judges real requests made since the change was acknowledged. */
  readonly judge: (pages: readonly PageView[]) => Seen | undefined;
}

/** The keys of the demo, in the order in which `--no-input` presses them (section 1.1 of experience.md). */
export const steps: readonly Step[] = [
  {
    key: '1',
    name: 'canary',
    title: 'canary 50/50',
    subject: 'reviews: canary to 50%',
    file: 'reviews.yaml',
    edit: (text) => replaceOnce(replaceOnce(text, 'weight: 90', 'weight: 50'), 'weight: 10', 'weight: 50'),
    judge(pages) {
      const answered = pages.filter(({ reviews }) => reviews === 200);
      if (answered.length < 150) return undefined;
      const share = answered.filter(({ version }) => version === 'v2').length / answered.length;
      return {
        ok: share > 0.35 && share < 0.65,
        text: `frontend -> reviews  v2 10% -> ${percent(share)} of ${answered.length} requests`,
      };
    },
  },
  {
    key: '2',
    name: 'fault',
    title: 'fail 10% of reviews',
    subject: 'reviews: fail 10%',
    file: 'reviews.yaml',
    edit: (text) =>
      insertAfter(
        text,
        '    - name: canary\n',
        '      fault: { abort: { percentage: { value: 10 }, httpStatus: 503 } }\n',
      ),
    judge(pages) {
      if (pages.length < 200) return undefined;
      const failed = pages.filter(({ reviews }) => reviews === 503).length / pages.length;
      return {
        ok: failed > 0.03 && failed < 0.2,
        text: `frontend -> reviews  100% -> ${percent(1 - failed)} of ${pages.length} requests`,
      };
    },
  },
  {
    key: '3',
    name: 'forbid',
    title: 'forbid frontend -> payments',
    subject: 'payments: nobody may pay',
    file: 'authz.yaml',
    edit: (text) =>
      `${text}---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: closed-for-today, namespace: shop }\nspec:\n  selector: { matchLabels: { app: payments } }\n  action: DENY\n  rules:\n    - from: [{ source: { principals: [demo.mesh/ns/shop/sa/frontend] } }]\n`,
    judge(pages) {
      const checkouts = pages.filter(({ payment }) => payment !== undefined);
      if (checkouts.length < 10) return undefined;
      const denied = checkouts.filter(({ payment }) => payment === 403).length;
      // Reviews may be failing on purpose, by key 2.
      const others = pages.every(({ status, catalog }) => status === 200 && catalog === 200);
      return {
        ok: denied === checkouts.length && others,
        text: `frontend -> payments  ${denied} of ${checkouts.length} answered 403, everything else as before`,
      };
    },
  },
  {
    key: '4',
    name: 'broken',
    title: 'commit a broken policy',
    subject: 'reviews: typo',
    file: 'reviews.yaml',
    edit: (text) => replaceOnce(text, ' weight: ', ' wieght: '),
    rejectedWith: 'WEFT0002',
    judge(pages) {
      if (pages.length < 100) return undefined;
      // Reviews may be failing on purpose, by key 2.
      const served = pages.filter(({ status, catalog }) => status === 200 && catalog === 200).length;
      return { ok: served === pages.length, text: `${served} of ${pages.length} pages served as before` };
    },
  },
];

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10}%`;
}

function replaceOnce(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new EditedElsewhere(`the policies no longer hold "${from.trim()}"`);
  return text.replace(from, to);
}

function insertAfter(text: string, place: string, added: string): string {
  if (!text.includes(place)) throw new EditedElsewhere(`the policies no longer hold "${place.trim()}"`);
  return text.replace(place, place + added);
}

/** The line that a key would change is not there any more: pressed twice, or edited by hand. */
export class EditedElsewhere extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'EditedElsewhere';
  }
}
