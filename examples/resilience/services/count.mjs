// `node count.mjs URL COUNT [HEADER=VALUE] [--at-once]`: sends requests, four at a time or all at once, and counts the answers.
const words = process.argv.slice(2);
const [url, amount, ...headers] = words.filter((word) => !word.startsWith('--'));
const options = { headers: Object.fromEntries(headers.map((header) => header.split('='))) };
const statuses = new Map();
const times = [];
const began = performance.now();
let left = Number(amount);

async function sendSome() {
  while (left > 0) {
    left -= 1;
    const started = performance.now();
    const response = await fetch(url, options);
    await response.text();
    times.push(Math.round(performance.now() - started));
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
  }
}
await Promise.all(Array.from({ length: words.includes('--at-once') ? left : 4 }, sendSome));

const counts = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status} ${count} times`);
const all = Math.round(performance.now() - began);
console.log(
  `${amount} requests: ${counts.join(', ')} (the fastest took ${Math.min(...times)} ms, all together ${all} ms)`,
);
