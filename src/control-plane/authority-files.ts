import { lstatSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { readImportedRoot } from '../ca/imported-root.ts';
import { openSealedStore } from '../ca/sealed-store.ts';
import type { TrustedRoot } from '../ca/trusted-root.ts';
import { Failure } from '../model/failure.ts';
import { Secret } from '../model/secret.ts';
import type { Clock, StateStore } from '../model/state-store.ts';
import { errorCode, requirePrivate } from '../store/file-modes.ts';
import type { SettingValues } from './settings.ts';

/**
 * The CA that `ca.root`, `ca.certificate` and `ca.key` name; undefined where none is named. Files are relative to the folder of weft.yaml.
 * Throws Failure WEFT0907 (settings), WEFT0904 (the key is open to others), WEFT0307 (they make no CA).
 */
export async function importedRoot(
  settings: SettingValues,
  folder: string,
  clock: Clock,
): Promise<TrustedRoot | undefined> {
  const [root, certificate, key] = [settings['ca.root'], settings['ca.certificate'], settings['ca.key']];
  if (root === '' && certificate === '' && key === '') return undefined;
  if (root === '' || key === '')
    throw new Failure('WEFT0907', 'a CA from outside needs both ca.root and ca.key', 'name both, or neither');
  const files = {
    root: readSetting('ca.root', folder, root).toString('latin1'),
    ...(certificate !== '' && { certificate: readSetting('ca.certificate', folder, certificate).toString('latin1') }),
    key: readSetting('ca.key', folder, key, true).toString('latin1'),
  };
  return readImportedRoot(files, settings.trustDomain, clock.now());
}

/** The store of the CA: its keys are sealed where `ca.sealKeyFile` names a key. Throws Failure WEFT0907, WEFT0904, WEFT0908. */
export async function authorityStore(store: StateStore, settings: SettingValues, folder: string): Promise<StateStore> {
  const file = settings['ca.sealKeyFile'];
  if (file === '') return store;
  const key = readSetting('ca.sealKeyFile', folder, file, true);
  if (key.length !== 32)
    throw new Failure(
      'WEFT0907',
      `ca.sealKeyFile holds ${key.length} bytes, not 32`,
      'make one: head -c 32 /dev/urandom > FILE; chmod 600 FILE',
      file,
    );
  return openSealedStore(store, new Secret(key));
}

function readSetting(setting: string, folder: string, file: string, isPrivate = false): Buffer {
  const path = resolve(folder, file);
  try {
    if (isPrivate) requirePrivate(path, lstatSync(path), 'file');
    return readFileSync(path);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(
      'WEFT0907',
      `${setting} names "${file}", which cannot be read (${errorCode(error)})`,
      'correct the path',
      path,
    );
  }
}
