// The files of a model in GGUF: one, or the parts of a split one, whose first part has the metadata.
import { basename, dirname, join } from 'node:path';
import { quoteJson } from '../../util/model-file-error.ts';
import { isAbsent } from '../../util/regular-file.ts';
import { GGUFError } from './gguf-error.ts';
import { type GGUFFile, type GGUFHead, openGGUF } from './gguf-file.ts';
import type { GGUFTensor } from './header.ts';
import type { Metadata } from './metadata.ts';

/** Tensor of a model, and the file that it is in. */
export interface StoredGGUFTensor extends GGUFTensor {
  readonly file: GGUFFile;
}

const [SPLIT_NUMBER, SPLIT_COUNT, SPLIT_TENSORS] = ['split.no', 'split.count', 'split.tensors.count'];
/** Name of a part: its number, from 1, and the number of all. */
const PART_NAME = /^(?<stem>.*)-(?<part>\d{5})-of-(?<count>\d{5})\.gguf$/s;

/** The open files of a model; made by `openGGUFFiles`. */
export class GGUFFiles implements AsyncDisposable {
  /** Path of the first file. */
  readonly path: string;
  readonly metadata: Metadata;
  readonly tensors: ReadonlyMap<string, StoredGGUFTensor>;
  readonly #files: AsyncDisposableStack;

  constructor(first: GGUFFile, tensors: ReadonlyMap<string, StoredGGUFTensor>, files: AsyncDisposableStack) {
    this.path = first.path;
    this.metadata = first.metadata;
    this.tensors = tensors;
    this.#files = files;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.#files.disposeAsync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Opens a model by its file, or by the first of its parts.
 *
 * @throws GGUFError for a file that can't be read, a part that is missing or of another model, and a tensor in two parts.
 */
export async function openGGUFFiles(path: string): Promise<GGUFFiles> {
  await using opened = new AsyncDisposableStack();
  const first = opened.use(await openGGUF(path));
  const files = [first];
  for (const part of partPaths(first)) {
    const expected = `a file: ${basename(path)} is one of ${first.metadata.get(SPLIT_COUNT)} parts`;
    if (await isAbsent(part)) throw new GGUFError(part, { subject: 'file', found: 'missing', expected });
    const file = opened.use(await openGGUF(part));
    checkNumber(file, SPLIT_NUMBER, files.length);
    checkNumber(file, SPLIT_COUNT, first.metadata.get(SPLIT_COUNT));
    files.push(file);
  }
  const tensors = joinTensors(files);
  if (files.length > 1) checkNumber(first, SPLIT_TENSORS, tensors.size);
  return new GGUFFiles(first, tensors, opened.move());
}

/**
 * Opens a model in one file by the beginning of that file.
 *
 * @throws GGUFError as `openGGUF`.
 */
export async function openGGUFHead(path: string, head: GGUFHead): Promise<GGUFFiles> {
  await using opened = new AsyncDisposableStack();
  const file = opened.use(await openGGUF(path, head));
  return new GGUFFiles(file, joinTensors([file]), opened.move());
}

/** Lists the paths of the parts after the first: none for a model in one file. */
function* partPaths(first: GGUFFile): Generator<string> {
  const { path, metadata } = first;
  const count = metadata.get(SPLIT_COUNT) ?? 1;
  if (count === 1 || count === 0) return;
  const { stem, part, count: named } = PART_NAME.exec(basename(path))?.groups ?? {};
  if (Number(named) !== count) {
    const expected =
      named === undefined ? '1, as the name of the file is not of a part' : `${Number(named)} by the name of the file`;
    throw new GGUFError(path, { subject: SPLIT_COUNT, found: quoteJson(count), expected });
  }
  const nameOf = (number: number) => `${stem}-${String(number).padStart(5, '0')}-of-${named}.gguf`;
  if (Number(part) !== 1) {
    const expected = `the first part, ${quoteJson(nameOf(1))}`;
    throw new GGUFError(path, { subject: 'file', found: `part ${Number(part)} of ${count}`, expected });
  }
  checkNumber(first, SPLIT_NUMBER, 0);
  for (let number = 2; number <= count; number++) yield join(dirname(path), nameOf(number));
}

/** @throws GGUFError unless a key has the expected value. */
function checkNumber({ path, metadata }: GGUFFile, key: string, expected: unknown): void {
  const value = metadata.get(key);
  if (value === expected) return;
  throw new GGUFError(path, { subject: key, found: quoteJson(value), expected: String(expected) });
}

function joinTensors(files: readonly GGUFFile[]): Map<string, StoredGGUFTensor> {
  const tensors = new Map<string, StoredGGUFTensor>();
  for (const file of files) {
    for (const tensor of file.tensors.values()) {
      const other = tensors.get(tensor.name);
      if (other !== undefined) {
        const expected = `only in ${basename(other.file.path)}`;
        throw new GGUFError(file.path, { tensor: tensor.name, subject: 'data', found: 'in this part too', expected });
      }
      tensors.set(tensor.name, { ...tensor, file });
    }
  }
  return tensors;
}
