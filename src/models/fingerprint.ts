// The fingerprint of a model on a device: two with the same one give the same ids for a seed. So it covers the bytes of the model's files, not their
// names, and all that the last bits of results depend on.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { DeviceIdentity } from '../gpu/device-traits.ts';
import { packageVersion } from '../util/package-info.ts';
import { BUNDLED_MODEL } from './bundled-model.ts';
import { locateModel } from './locate-model.ts';
import { modelFiles } from './model-files.ts';

/** Hexadecimal digits of a fingerprint. */
const DIGITS = 32;
/** A part of a GGUF file that was split, and the number of it. */
const PART = /-\d{5}-of-\d{5}\.gguf$/;

/** Facts that decide which ids a seed gives. */
export interface FingerprintParts {
  /** Hash of the model's files. */
  readonly weights: string;
  readonly dtype: string;
  readonly kvDtype: string;
  readonly adapter: DeviceIdentity;
  /** Text of the template that chats are written by, where there is one. */
  readonly template: string | undefined;
}

/** Makes the fingerprint of a model on a device. */
export function fingerprintOf({ weights, dtype, kvDtype, adapter, template }: FingerprintParts): string {
  const { name, backend, driver, reduction, webgpu } = adapter;
  const parts = [weights, dtype, kvDtype, name, backend, driver, reduction, webgpu, packageVersion(), template];
  return `fp_${createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, DIGITS)}`;
}

/** Hashes the files of a model, or the name of one without files. */
export async function hashModel(model: string = BUNDLED_MODEL): Promise<string> {
  const name = await locateModel(model);
  const hash = createHash('sha256').update(name.startsWith('random:') ? name : '');
  const stem = name.replace(PART, '');
  const isOwn = (file: string) =>
    !name.endsWith('.gguf') || file === name || (stem !== name && file.replace(PART, '') === stem);
  for (const file of (await modelFiles(name)).filter(isOwn).sort()) {
    hash.update(`${basename(file)}\0`);
    await pipeline(createReadStream(file), async (chunks) => {
      for await (const chunk of chunks) hash.update(chunk);
    });
  }
  return hash.digest('hex');
}
