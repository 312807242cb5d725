// Which files of a repository a model takes. Its configuration is read before its weights are fetched: a model that can't run
// costs no transfer.
import { readWeightMap, WEIGHTS_FILE, WEIGHTS_INDEX } from '../formats/checkpoint-files.ts';
import type { RepoFile } from '../hub/list-repo.ts';
import type { ChooseFiles, FileAccess } from '../hub/pull.ts';
import type { RepoName } from '../hub/repo-name.ts';
import { readJsonObject } from '../util/json-file.ts';
import { ModelFileError } from '../util/model-file-error.ts';
import { quoteSome } from '../util/quote.ts';
import { ConfigError } from './config.ts';
import { CONFIG_FILE, SMALL_FILES } from './file-names.ts';
import { checkGGUFHead, parseModel } from './registry.ts';

/** Repository that has no model of a kind that is read. */
class RepoFilesError extends ModelFileError {}

/** Bytes of a GGUF file that its header is looked for in: that of a vocabulary of 256,000 tokens with merges takes 16 MB. */
const HEAD_BYTES = 2 ** 25;
const GGUF_PART = /-\d{5}-of-\d{5}\.gguf$/;

/** Makes the chooser of the files of a model. @throws in the chooser: ConfigError, RepoFilesError. */
export function modelFileChooser({ repo, file }: RepoName): ChooseFiles {
  return async (files, access) => {
    const byPath = new Map(files.map((each) => [each.path, each]));
    if (file !== null) return await checked(repo, ggufParts(repo, file, files), access);
    const config = byPath.get(CONFIG_FILE);
    const hasWeights = byPath.has(WEIGHTS_FILE) || byPath.has(WEIGHTS_INDEX);
    if (config === undefined || !hasWeights) {
      const ggufs = files.filter(({ path }) => path.endsWith('.gguf'));
      if (ggufs.length > 0) return await checked(repo, onlyGGUF(repo, ggufs), access);
    }
    if (config === undefined)
      throw new RepoFilesError(repo, { subject: CONFIG_FILE, found: 'missing', expected: 'one, or a GGUF file' });
    const source = `${repo}/${CONFIG_FILE}`;
    parseModel(await readJsonObject(await access.whole(config), (problem) => new ConfigError(source, problem)), source);
    const small = SMALL_FILES.flatMap((name) => byPath.get(name) ?? []);
    return [config, ...small, ...(await weightFiles(repo, byPath, access))];
  };
}

/** Lists the files of weights: one, as it comes first when both are there, or an index and its shards. */
async function weightFiles(
  repo: string,
  byPath: ReadonlyMap<string, RepoFile>,
  access: FileAccess,
): Promise<RepoFile[]> {
  const whole = byPath.get(WEIGHTS_FILE);
  if (whole !== undefined) return [whole];
  const index = byPath.get(WEIGHTS_INDEX);
  if (index === undefined) {
    const others = [...byPath.keys()].filter((path) => /\.(?:bin|pt|pth|h5|msgpack|onnx|safetensors)$/.test(path));
    const found = others.length === 0 ? 'missing' : `missing among ${quoteSome(others)}`;
    throw new RepoFilesError(repo, {
      subject: 'weights file',
      found,
      expected: `${WEIGHTS_FILE}, ${WEIGHTS_INDEX} or a GGUF file`,
    });
  }
  const shards = [...new Set((await readWeightMap(await access.whole(index))).values())];
  return [index, ...shards.map((path) => byPath.get(path) ?? missing(repo, path, `a file: ${WEIGHTS_INDEX} names it`))];
}

/** Refuses a GGUF file by its header, before the rest is fetched; of one in parts, no part says whether all is well. */
async function checked(repo: string, parts: readonly RepoFile[], access: FileAccess): Promise<readonly RepoFile[]> {
  const [file, ...others] = parts;
  if (file === undefined || others.length > 0) return parts;
  const { path, size: numBytes } = file;
  await checkGGUFHead(await access.head(file, HEAD_BYTES), { name: `${repo}/${path}`, numBytes });
  return parts;
}

/** Lists a GGUF file, or all parts of a split one. */
function ggufParts(repo: string, path: string, files: readonly RepoFile[]): RepoFile[] {
  const stem = path.replace(GGUF_PART, '');
  const isPart = (other: string) => stem !== path && GGUF_PART.test(other) && other.replace(GGUF_PART, '') === stem;
  const parts = files.filter((each) => each.path === path || isPart(each.path));
  if (parts.some((each) => each.path === path)) return parts;
  const ggufs = files.filter((each) => each.path.endsWith('.gguf')).map((each) => each.path);
  return missing(repo, path, ggufs.length === 0 ? 'a GGUF file' : `one of ${quoteSome(ggufs)}`);
}

function onlyGGUF(repo: string, ggufs: readonly RepoFile[]): RepoFile[] {
  const [first, ...others] = new Map(ggufs.map((file) => [file.path.replace(GGUF_PART, ''), file])).values();
  if (first !== undefined && others.length === 0) return ggufParts(repo, first.path, ggufs);
  const found = `of several GGUF files (${quoteSome(ggufs.map(({ path }) => path))})`;
  const expected = `one by name: roseinfer pull ${repo}/FILE.gguf`;
  throw new RepoFilesError(repo, { subject: 'repository', found, expected });
}

function missing(repo: string, path: string, expected: string): never {
  throw new RepoFilesError(repo, { subject: path, found: 'missing', expected });
}
