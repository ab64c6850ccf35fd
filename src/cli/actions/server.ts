import { resolve } from 'node:path';
import { pino } from 'pino';
import { createRefusalNews } from '../../control-plane/refusal-news.ts';
import { readSettings, settingText } from '../../control-plane/settings.ts';
import { startControlPlane } from '../../control-plane/start-control-plane.ts';
import { nearest } from '../local-settings.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { serverFlags } from '../verbs/server.ts';
import { productVersions } from './product-versions.ts';

/** `weft server`: ends with 0 after SIGTERM, 130 after ctrl-c. Throws the Failures of readSettings and startControlPlane. */
export async function server(context: VerbContext<typeof serverFlags>): Promise<ExitCode> {
  const { flags, cwd, output } = context;
  const file = flags.config === undefined ? nearest(cwd, 'weft.yaml') : resolve(cwd, flags.config);
  const settings = readSettings(file);
  if (flags['check-config']) {
    const rows = settings.origins.map((setting) => ({ ...setting, text: settingText(setting) }));
    const keys = Math.max(...rows.map(({ key }) => key.length));
    const values = Math.max(...rows.map(({ text }) => text.length));
    const lines = rows.map(({ key, text, from }) => `${key.padEnd(keys)}  ${text.padEnd(values)}  ${from}`);
    output.object('Config', { settings: settings.origins }, lines);
    return 0;
  }
  const logger = pino({ level: settings.values['log.level'] }, pino.destination({ dest: 2, sync: false }));
  // The interrupt may come while the parts are still starting.
  const interrupted = new Promise<ExitCode>((done) =>
    context.onInterrupt((signal) => done(signal === 'SIGINT' ? 130 : 0)),
  );
  const controlPlane = await startControlPlane({ settings, logger, ...productVersions() });
  const { xdsPort, adminPort } = controlPlane;
  logger.info({ component: 'server', xdsPort, adminPort, policies: settings.values['policy.repository'] }, 'started');
  controlPlane.policies.watch(({ head, diagnostics, failure }) => {
    if (failure) logger.error({ component: 'policies', code: failure.code, hint: failure.hint }, failure.message);
    else if (head) {
      const findings = diagnostics
        .filter(({ severity }) => severity !== 'info')
        .map(({ code, at, message }) => `${at.file}:${at.line} ${code} ${message}`);
      logger.info({ component: 'policies', revision: head.commit, state: head.state, findings }, head.subject);
    }
  });
  const refusals = createRefusalNews(({ event, refused }) => {
    const { type, resource, message, firstRefusedBy, source } = refused;
    const facts = { component: 'refusals', type, resource, proxy: firstRefusedBy };
    const place = source === undefined ? {} : { place: `${source.file}:${source.line}`, revision: source.commit };
    if (event === 'refused') logger.warn({ ...facts, ...place }, message);
    else logger.info(facts, 'no longer refused');
  });
  const timer = setInterval(() => {
    try {
      refusals(controlPlane.values.refused());
    } catch (error) {
      logger.error({ component: 'refusals', err: error }, 'refusals cannot be told');
    }
  }, lookEvery);
  const code = await interrupted;
  clearInterval(timer);
  await controlPlane.close();
  return code;
}

/** How often refusals are looked at, in milliseconds. */
const lookEvery = 1_000;
