// Counts whom the partner sees. `node count.mjs URL steadily` sends one request after another, through http_proxy, until it is told to
// stop (SIGTERM).
import { Agent, request } from 'node:http';

const [url] = process.argv.slice(2);
const proxy = new URL(process.env.http_proxy);
const agent = new Agent({ keepAlive: true });
const seen = new Map();
let [sent, failed, stop] = [0, 0, false];

function sendOne() {
  return new Promise((resolve) => {
    const outgoing = request({ host: proxy.hostname, port: proxy.port, path: url, agent }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => {
        const who = response.statusCode === 200 ? JSON.parse(text).client : String(response.statusCode);
        if (response.statusCode !== 200) failed += 1;
        seen.set(who, (seen.get(who) ?? 0) + 1);
        resolve();
      });
    });
    outgoing.on('error', () => {
      failed += 1;
      resolve();
    });
    outgoing.end();
  });
}

process.on('SIGTERM', () => {
  stop = true;
});
while (!stop) {
  await sendOne();
  sent += 1;
  await new Promise((resolve) => setTimeout(resolve, 10));
}
console.log(`${sent} requests, ${failed} failed: ${[...seen].map(([who, count]) => `${who} ${count}`).join(', ')}`);
