// What runs of long tests say about promises: one line for each, and how many were kept and broken.
import { numbersIn } from './test-titles.mjs';

/** The invariants stand and fall together. */
const promiseOf = (number) => (number.startsWith('INV') ? 'INV' : number);

/** The promises that a test is about, by its title. */
export function promisesIn(title) {
  return [...new Set(numbersIn(title).map(promiseOf))];
}

/**
 * `runs`: of each group the promises that it had to tell the numbers of (`ids`), the lines that were printed (`lines`: `[[id, text]]`),
 * and its tests (`tests`: `{ title, failure }`, `failure` undefined where it passed; without title: a file that could not be run).
 * `wanted`: promises that were asked for; what a passed test proves without a number of its own is said by its title.
 */
export function judge(runs, wanted = []) {
  const [kept, broken] = [new Map(), new Map()];
  const add = (to, id, text) => to.set(id, [...(to.get(id) ?? []), text]);
  for (const { ids, lines, tests } of runs) {
    for (const [id, text] of lines) add(kept, id, text);
    for (const { title, failure } of tests) {
      if (failure === undefined) continue;
      const about = title === undefined ? ids : promisesIn(title);
      for (const id of about.length > 0 ? about : ['?']) add(broken, id, `${title ?? 'could not be run'}: ${failure}`);
    }
    for (const id of ids) if (!kept.has(id) && !broken.has(id)) add(broken, id, 'not run: no test printed its number');
  }
  const passed = runs.flatMap(({ tests }) => tests).filter(({ failure }) => failure === undefined);
  for (const id of wanted.map(promiseOf)) {
    if (kept.has(id) || broken.has(id)) continue;
    const proof = passed.find(({ title }) => promisesIn(title).includes(id));
    if (proof === undefined) add(broken, id, 'not run');
    else add(kept, id, `held: ${proof.title}`);
  }
  for (const id of broken.keys()) kept.delete(id);
  const said = (map, word) => [...map].flatMap(([id, texts]) => texts.map((text) => `${word} ${id}: ${text}`));
  return {
    table: [...said(kept, 'promise'), ...said(broken, 'BROKEN')],
    summary: `${kept.size} promises kept, ${broken.size} broken`,
    good: broken.size === 0 && kept.size > 0,
  };
}
