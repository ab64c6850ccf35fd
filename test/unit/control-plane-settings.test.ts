import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readSettings, type SettingKey, type SettingOverride, settingText } from '../../src/control-plane/settings.ts';
import { Failure } from '../../src/model/failure.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-settings-'));
  file = join(folder, 'weft.yaml');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function read(text: string, overrides: readonly SettingOverride[] = []) {
  writeFileSync(file, text);
  return readSettings(file, overrides);
}

function failureOf(run: () => unknown): Failure {
  try {
    run();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('nothing failed');
}

describe('settings without a file', () => {
  test('have these defaults', () => {
    const { values, origins, folder: from } = readSettings(undefined);
    expect(values).toEqual({
      trustDomain: 'cluster.local',
      rootNamespace: 'istio-system',
      dnsSuffix: 'cluster.local',
      stateDir: '.weft/state',
      'policy.repository': '.',
      'policy.path': 'policies',
      'policy.folders': 'namespace',
      'policy.isolate': 'commit',
      'policy.widening': 'allow',
      'policy.protocolDetection': 'declared',
      'policy.workingTree': false,
      'policy.poll': 500,
      'xds.address': '0.0.0.0',
      'xds.port': 15_012,
      'xds.names': [],
      'xds.maxConnectionAge': 1_800_000,
      'admin.address': '127.0.0.1',
      'admin.port': 15_014,
      'admin.loopbackReads': false,
      'localPorts.base': 21_000,
      'ca.root': '',
      'ca.certificate': '',
      'ca.key': '',
      'ca.sealKeyFile': '',
      'ca.acceptFormer': [],
      'ca.replaceEnded': false,
      'certificates.leafLifetime': 24 * 3_600_000,
      'certificates.allowShortLives': false,
      'registry.grace': 10_000,
      'registry.restoreGrace': 60_000,
      'secrets.directory': '',
      'secrets.poll': 1_000,
      'secrets.systemRoots': '/etc/ssl/certs/ca-certificates.crt',
      'push.quiet': 100,
      'push.longest': 10_000,
      'envoy.path': '',
      'log.level': 'info',
    });
    expect(new Set(origins.map((origin) => origin.from))).toEqual(new Set(['default']));
    expect(Object.fromEntries(origins.map(({ key, value }) => [key, value]))).toEqual(values);
    expect(from).toBe(process.cwd());
  });

  test('an empty file says nothing, and relative paths start from its folder', () => {
    const settings = read('# nothing yet\n');
    expect(settings.values).toEqual(readSettings(undefined).values);
    expect(settings.folder).toBe(folder);
  });
});

describe('settings of a file', () => {
  test('are read from dotted and from nested keys, and say their line', () => {
    const { values, origins } = read(
      [
        'trustDomain: corp.example',
        'xds:',
        '  port: 25012',
        '  names: [mesh.corp.example, 192.0.2.1]',
        'policy.poll: 1.5s',
        'policy:',
        '  folders: free',
        '',
      ].join('\n'),
    );
    expect(values).toMatchObject({
      trustDomain: 'corp.example',
      'xds.port': 25_012,
      'xds.names': ['mesh.corp.example', '192.0.2.1'],
      'policy.poll': 1500,
      'policy.folders': 'free',
    });
    const written = origins.filter(({ from }) => from !== 'default').map(({ key, from }) => [key, from]);
    expect(Object.fromEntries(written)).toEqual({
      trustDomain: `${file}:1`,
      'xds.port': `${file}:3`,
      'xds.names': `${file}:4`,
      'policy.poll': `${file}:5`,
      'policy.folders': `${file}:7`,
    });
  });

  test('give way to what the command line says', () => {
    const { values, origins } = read('xds.port: 25012\nadmin.port: 25014\n', [
      { key: 'xds.port', value: 26_012, from: '--port-base' },
    ]);
    expect([values['xds.port'], values['admin.port']]).toEqual([26_012, 25_014]);
    expect(origins.find(({ key }) => key === 'xds.port')).toEqual({
      key: 'xds.port',
      value: 26_012,
      from: '--port-base',
    });
    expect(origins.find(({ key }) => key === 'admin.port')?.from).toBe(`${file}:2`);
  });

  test('an alias is the value that it stands for', () => {
    const { values } = read('registry.grace: &time 7s\nregistry.restoreGrace: *time\n');
    expect(values['registry.restoreGrace']).toBe(7000);
  });

  test.each([
    ['500ms', 500],
    ['5s', 5000],
    ['10m', 600_000],
    ['24h', 86_400_000],
    ['0.5s', 500],
  ])('the duration %s is %i ms', (text, milliseconds) => {
    expect(read(`push.quiet: ${text}\n`).values['push.quiet']).toBe(milliseconds);
  });
});

describe('WEFT0907', () => {
  test.each<[SettingKey, string, string]>([
    ['trustDomain', '"Corp Example"', 'a trust domain such as "corp.example"'],
    ['rootNamespace', 'Root_Namespace', 'a namespace'],
    ['dnsSuffix', '""', 'a DNS suffix'],
    ['stateDir', '7', 'a folder'],
    ['policy.repository', '[a]', 'a folder in a git repository'],
    ['policy.path', '', 'a folder of the repository'],
    ['policy.folders', 'both', '"namespace" or "free"'],
    ['policy.isolate', 'folder', '"commit" or "namespace"'],
    ['policy.widening', 'mark', '"allow" or "marked"'],
    ['policy.workingTree', '"yes"', 'true or false'],
    ['policy.poll', '500', 'a duration such as "1s"'],
    ['policy.poll', '0s', 'a duration such as "1s"'],
    ['policy.poll', '600h', 'a duration such as "1s"'],
    ['policy.poll', '5 s', 'a duration such as "1s"'],
    ['xds.address', '{}', 'an IP address'],
    ['xds.address', 'localhost', 'an IP address'],
    ['admin.address', '127.0.0', 'an IP address'],
    ['xds.port', '65536', 'a port'],
    ['xds.port', '-1', 'a port'],
    ['admin.port', '1.5', 'a port'],
    ['localPorts.base', '"21000"', 'a port'],
    ['xds.names', 'mesh.corp.example', 'a list of host names or addresses'],
    ['xds.names', '[""]', 'a list of host names or addresses'],
    ['xds.maxConnectionAge', '900ms', 'a duration from "1s" to "480h"'],
    ['xds.maxConnectionAge', '481h', 'a duration from "1s" to "480h"'],
    ['xds.maxConnectionAge', 'never', 'a duration from "1s" to "480h"'],
    ['certificates.leafLifetime', '1d', 'a duration such as "24h"'],
    ['log.level', 'loud', 'trace, debug, info, warn, error or silent'],
  ])('%s: %s is refused at its line', (key, value, rule) => {
    const failure = failureOf(() => read(`# settings\n${key}: ${value}\n`));
    expect(failure).toMatchObject({ code: 'WEFT0907', hint: `correct ${key}`, where: `${file}:2` });
    expect(failure.message).toMatch(`${key}: expected ${rule}, got `);
  });

  test('a wrong value of the command line names its flag', () => {
    const failure = failureOf(() => readSettings(undefined, [{ key: 'xds.port', value: 70_000, from: '--xds-port' }]));
    expect(failure).toMatchObject({ code: 'WEFT0907', where: '--xds-port' });
  });

  test.each([
    ['trustDoman: a.example', 'trustDoman', 'did you mean "trustDomain"?', 1],
    ['xds:\n  prot: 1', 'xds.prot', 'did you mean "xds.port"?', 2],
    ['policy.pol: 1s', 'policy.pol', 'did you mean "policy.poll"?', 1],
    ['banana: true', 'banana', 'settings are: trustDomain, rootNamespace, ', 1],
    ['trustDomain:\n  name: a\ntoString: 1', 'toString', 'settings are: ', 3],
  ])('an unknown key: %s', (text, key, hint, line) => {
    const failure = failureOf(() => read(`${text}\n`));
    expect(failure).toMatchObject({ code: 'WEFT0907', message: `unknown setting "${key}"`, where: `${file}:${line}` });
    expect(failure.hint).toContain(hint);
  });

  test('one setting in both forms', () => {
    const failure = failureOf(() => read('policy.path: a\npolicy:\n  path: b\n'));
    expect(failure).toMatchObject({ code: 'WEFT0907', hint: 'remove one policy.path', where: `${file}:3` });
    expect(failure.message).toBe(`policy.path is given twice, first at ${file}:1`);
  });

  test.each([
    ['trustDomain: a\ntrustDomain: b\n', 2],
    ['xds:\n\tport: 1\n', 2],
    ['trustDomain: a\nxds: [1\n', 3],
  ])('no YAML: %j', (text, line) => {
    expect(failureOf(() => read(text))).toMatchObject({
      code: 'WEFT0907',
      hint: 'correct the line',
      where: `${file}:${line}`,
    });
  });

  test.each([
    ['- a\n', 'the file: expected a mapping', 1],
    ['trustDomain: a\nxds: 25012\n', 'xds: expected a mapping', 2],
  ])('no mapping: %j', (text, message, line) => {
    expect(failureOf(() => read(text))).toMatchObject({ code: 'WEFT0907', message, where: `${file}:${line}` });
  });

  test('a file that cannot be read', () => {
    expect(failureOf(() => readSettings(join(folder, 'none.yaml')))).toMatchObject({
      code: 'WEFT0907',
      message: `${join(folder, 'none.yaml')} cannot be read: there is no such file`,
    });
    expect(failureOf(() => readSettings(folder)).message).toBe(`${folder} cannot be read: it is a folder`);
  });
});

test('a file that is not there is said in words; values are told as they would be written', () => {
  const nope = join(tmpdir(), `weft-nope-${process.pid}.yaml`);
  expect(() => readSettings(nope)).toThrow(`${nope} cannot be read: there is no such file`);
  expect(settingText({ key: 'xds.maxConnectionAge', value: 1_800_000 })).toBe('30m');
  const text = (key: SettingKey, value: number | string | boolean) => settingText({ key, value });
  expect(text('certificates.leafLifetime', 86_400_000)).toBe('24h');
  expect([90_000, 1_500, 600_000, 0].map((value) => text('registry.grace', value))).toEqual([
    '90s',
    '1500ms',
    '10m',
    '0ms',
  ]);
  expect([text('xds.port', 15_012), text('envoy.path', ''), text('policy.workingTree', false)]).toEqual([
    '15012',
    '""',
    'false',
  ]);
});
