// PostgreSQL in the foreground, with a database in a temporary folder that goes with it. `--where` prints the folder of its programs:
// POSTGRESQL_BIN, else that of a `postgres` in PATH, else the newest that Debian or Ubuntu has installed.
// It refuses to run as root, so root runs it as the user postgres, or nobody.
import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

const { HOST = '127.0.0.1', PORT = '5432', PGUSER = 'shop', PGPASSWORD = 'secret' } = process.env;

function programs() {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    process.env.POSTGRESQL_BIN ?? '',
    ...(process.env.PATH ?? '').split(delimiter),
    ...versions.map((version) => join(debian, version, 'bin')),
  ];
  // Debian's own psql and pgbench in /usr/bin look for a server of Debian's: all are taken from where postgres is.
  const found = folders.filter((folder) => folder !== '').find((folder) => existsSync(join(folder, 'postgres')));
  return found === undefined ? undefined : dirname(realpathSync(join(found, 'postgres')));
}

/** The user and group that a server may run as; nothing where we are no root. */
function userOf() {
  if (process.getuid() !== 0) return {};
  const id = (flag, name) =>
    Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  for (const name of ['postgres', 'nobody']) {
    try {
      return { uid: id('-u', name), gid: id('-g', name) };
    } catch {
      // There is no such user here.
    }
  }
  return {};
}

const bin = programs();
if (bin === undefined) {
  console.error(
    'PostgreSQL is not installed here: apt-get install postgresql, or name the folder of its programs in POSTGRESQL_BIN',
  );
  process.exit(1);
}
if (process.argv[2] === '--where') {
  console.log(bin);
  process.exit(0);
}

let server;
// SIGINT is its "fast" way to stop: sessions are ended, nothing is lost.
for (const signal of ['SIGTERM', 'SIGINT'])
  process.on(signal, () => (server ? server.kill('SIGINT') : process.exit(1)));

const user = userOf();
const folder = mkdtempSync(join(tmpdir(), 'weft-postgresql-'));
const data = join(folder, 'data');
const passwordFile = join(folder, 'password');
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
writeFileSync(passwordFile, `${PGPASSWORD}\n`, { mode: 0o600 });
if (user.uid !== undefined) for (const path of [folder, passwordFile]) chownSync(path, user.uid, user.gid);

const settings = {
  cwd: folder,
  stdio: ['ignore', 'inherit', 'inherit'],
  env: { ...process.env, LC_ALL: 'C.UTF-8' },
  ...user,
};
const make = [
  '-D',
  data,
  '-U',
  PGUSER,
  '-A',
  'scram-sha-256',
  '--pwfile',
  passwordFile,
  '--no-sync',
  '--encoding',
  'UTF8',
];
execFileSync(join(bin, 'initdb'), make, settings);
const options = [`listen_addresses=${HOST}`, `port=${PORT}`, 'unix_socket_directories=', 'fsync=off'];
server = spawn(join(bin, 'postgres'), ['-D', data, ...options.flatMap((option) => ['-c', option])], settings);
server.on('exit', (code) => process.exit(code ?? 1));
