// Settings of the hub, from the variables that its Python client reads: both share one cache, one token and one address.
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { homeDirectory, variable } from '../util/environment.ts';
import { RangeValueError } from '../util/errors.ts';
import { codeOf } from '../util/regular-file.ts';
import { HubCacheError, HubError } from './hub-error.ts';

const HUB = 'https://huggingface.co';

/** Address, token and place of what was fetched. */
export interface HubSettings {
  /** Address of the hub, without a slash at its end. */
  readonly endpoint: string;
  /** Null where there is none. */
  readonly token: string | null;
  /** True where no request may be made. */
  readonly offline: boolean;
  /** Path of the cache. */
  readonly cache: string;
  /** False where snapshots are to hold files, and no links to them. */
  readonly symlinks: boolean;
}

/**
 * Reads the settings from the environment and the file of the token.
 *
 * @throws RangeValueError for an address that is none; HubError for a token that can't be read or sent.
 */
export async function readHubSettings(): Promise<HubSettings> {
  const cache = hubCache();
  if (cache === null) {
    throw new HubCacheError('HF_HOME', 'unknown, as the user has no directory', 'one in HF_HOME or HF_HUB_CACHE');
  }
  return {
    endpoint: readEndpoint(variable('HF_ENDPOINT') ?? HUB),
    token: await readToken(),
    offline: isSet('HF_HUB_OFFLINE') || isSet('TRANSFORMERS_OFFLINE'),
    cache,
    symlinks: !isSet('HF_HUB_DISABLE_SYMLINKS'),
  };
}

/** Path of the cache: `HF_HUB_CACHE`, or `hub` in `HF_HOME`; null where the user has no directory. */
export function hubCache(): string | null {
  return pathOf('HF_HUB_CACHE') ?? pathOf('HUGGINGFACE_HUB_CACHE') ?? inHome('hub');
}

function inHome(name: string): string | null {
  const home = homeDirectory();
  const cache = pathOf('XDG_CACHE_HOME') ?? (home === null ? null : join(home, '.cache'));
  const own = pathOf('HF_HOME') ?? (cache === null ? null : join(cache, 'huggingface'));
  return own === null ? null : join(own, name);
}

/** Reads a variable that names a path, in which `~` is the user's directory. */
function pathOf(name: string): string | null {
  const path = variable(name);
  if (path === undefined) return null;
  return resolve(path.replace(/^~(?=\/|$)/, homeDirectory() ?? '~'));
}

function isSet(name: string): boolean {
  return /^(?:1|on|yes|true)$/i.test(variable(name) ?? '');
}

function readEndpoint(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '' || url.hash !== '') {
    throw new RangeValueError('HF_ENDPOINT', text, `an address such as ${HUB}`);
  }
  return url.href.replace(/\/+$/, '');
}

async function readToken(): Promise<string | null> {
  const [name = '', given = ''] =
    ['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN'].map((each) => [each, variable(each)?.trim()]).find(([, text]) => text) ?? [];
  if (given !== '') return checkToken(name, given);
  const path = pathOf('HF_TOKEN_PATH') ?? inHome('token');
  if (path === null) return null;
  try {
    const text = (await readFile(path, 'utf8')).trim();
    return text === '' ? null : checkToken(path, text);
  } catch (error) {
    if (error instanceof HubError) throw error;
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new HubError(`${path}: token is unreadable (${code}), expected a file with a token`, { cause: error });
  }
}

/** Refuses a token that no header can hold; it is not shown. */
function checkToken(place: string, token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new HubError(`${place}: token has characters that no token has, expected letters, digits and _`);
}
