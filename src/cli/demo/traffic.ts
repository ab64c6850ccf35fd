import { Agent, request } from 'node:http';

/** What one page of the shop told about the calls behind it. Statuses: 0 is no answer. */
export interface PageView {
  /** Milliseconds since 1970, when it was asked for. */
  readonly at: number;
  /** Of the page itself. */
  readonly status: number;
  readonly catalog: number;
  readonly reviews: number;
  /** Which version of reviews answered. */
  readonly version?: string;
  /** Only on checkouts. */
  readonly payment?: number;
}

export interface Traffic {
  /** Pages asked for since a time, those that were answered. */
  since(time: number): readonly PageView[];
  stop(): Promise<void>;
}

const requestsPerSecond = 50;
const checkoutEvery = 10;
const keptMilliseconds = 60_000;

/** Real customers: 50 pages a second through the shop's public port, every tenth a checkout. */
export function startTraffic(port: number): Traffic {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  let views: PageView[] = [];
  let sent = 0;
  const started = Date.now();
  const open = new Set<Promise<void>>();
  const timer = setInterval(() => {
    const due = ((Date.now() - started) * requestsPerSecond) / 1000;
    while (sent < due) {
      sent += 1;
      const done: Promise<void> = view(agent, port, sent % checkoutEvery === 0 ? '/checkout' : '/').then((page) => {
        views.push(page);
        open.delete(done);
      });
      open.add(done);
    }
    if (views.length > requestsPerSecond * 120) views = views.filter(({ at }) => at > Date.now() - keptMilliseconds);
  }, 10);
  return {
    since: (time) => views.filter(({ at }) => at >= time),
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      agent.destroy();
    },
  };
}

/** The page as the frontend writes it. */
interface Page {
  readonly catalog: { readonly status: number };
  readonly reviews: { readonly status: number; readonly value: { readonly version?: string } };
  readonly payment?: { readonly status: number };
}

function view(agent: Agent, port: number, path: string): Promise<PageView> {
  const at = Date.now();
  const failed = (status: number): PageView => ({ at, status, catalog: 0, reviews: 0 });
  return new Promise((resolve) => {
    const outgoing = request({ agent, host: '127.0.0.1', port, path, timeout: 10_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => resolve(failed(0)));
      response.on('end', () => {
        const { statusCode: status = 0 } = response;
        if (status !== 200) return resolve(failed(status));
        const page = JSON.parse(Buffer.concat(chunks).toString()) as Page;
        const { version } = page.reviews.value;
        resolve({
          at,
          status,
          catalog: page.catalog.status,
          reviews: page.reviews.status,
          ...(version === undefined ? {} : { version }),
          ...(page.payment === undefined ? {} : { payment: page.payment.status }),
        });
      });
    });
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.on('error', () => resolve(failed(0)));
    outgoing.end();
  });
}
