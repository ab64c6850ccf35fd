// Counts where answers come from. `node count.mjs URL 1000` sends a thousand requests, eight at a time, and says how many were answered
// in each zone; `node count.mjs URL steadily` sends one after another until it is told to stop (SIGTERM).
const [url, amount = '1000'] = process.argv.slice(2);
const steadily = amount === 'steadily';
const answers = new Map();
let left = steadily ? Number.POSITIVE_INFINITY : Number(amount);
let sent = 0;
let failed = 0;

async function sendOne() {
  try {
    const response = await fetch(url);
    const text = (await response.text()).trim();
    const zone = response.ok ? text : String(response.status);
    if (!response.ok) failed += 1;
    answers.set(zone, (answers.get(zone) ?? 0) + 1);
  } catch {
    failed += 1;
  }
  sent += 1;
}

async function sendAll() {
  while (left > 0) {
    left -= 1;
    await sendOne();
    if (steadily) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

process.on('SIGTERM', () => {
  left = 0;
});
await Promise.all(Array.from({ length: steadily ? 1 : 8 }, sendAll));
const counts = [...answers].sort().map(([zone, count]) => `${zone} ${count}`);
console.log(`${sent} requests, ${failed} failed: ${counts.join(', ')}`);
