import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Failure } from '../../model/failure.ts';
import { projectRoot } from '../actions/product-versions.ts';
import { applicationPort, type ShopMember } from './shop-members.ts';

export interface ShopProcess {
  stop(): Promise<void>;
}

/** Starts one service of the shop as a process of its own; it ends with this process, however that ends. */
export async function startShopProcess(
  member: ShopMember,
  env: Readonly<Record<string, string>>,
): Promise<ShopProcess> {
  const script = fileURLToPath(new URL(`examples/shop/services/${member.service}.mjs`, projectRoot));
  const child = spawn(process.execPath, [script], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH ?? '',
      HOST: member.address,
      PORT: String(applicationPort),
      SHOP_ENDS_WITH_PARENT: '1',
      ...(member.version === undefined ? {} : { VERSION: member.version }),
      ...env,
    },
  });
  const words: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => words.push(line));
  const exited = once(child, 'exit');
  const [said] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    exited.then(() => [undefined]),
  ]);
  if (said === undefined) {
    const reason = words.find((line) => line.includes('Error')) ?? 'it ended at once';
    throw new Failure(
      'WEFT0910',
      `${member.name} could not be started: ${reason.trim()}`,
      'npm run demo -- --port-base 25000',
      `${member.address}:${applicationPort}`,
    );
  }
  return {
    async stop() {
      child.stdin.end();
      child.kill('SIGTERM');
      await exited;
    },
  };
}
