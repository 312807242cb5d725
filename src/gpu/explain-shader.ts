// Errors of linker and driver as errors in the author's own lines: the linked text is never shown.
import { type LinkedWesl, WeslParseError } from 'wesl';
import { KernelError } from './errors.ts';
import { described, ShaderError, type ShaderOwner } from './shader-error.ts';
import { placeOf, type ShaderText } from './shader-texts.ts';

/** Makes a ShaderError of a place in an author's own text, where nothing is inserted. */
export function shaderError(
  owner: ShaderOwner,
  { title, text }: ShaderText,
  { offset, length }: { readonly offset: number; readonly length: number },
  message: string,
): ShaderError {
  return new ShaderError(owner, placeOf({ title, text, inserted: NOTHING }, offset, length), message);
}

/** Makes a ShaderError of an error of the linker. */
export function linkError(owner: ShaderOwner, texts: ReadonlyMap<string, ShaderText>, error: unknown): KernelError {
  if (error instanceof WeslParseError) {
    const [problem] = error.diagnostics;
    const text = texts.get(nameOf(error.src.debugFilePath));
    if (problem !== undefined && text !== undefined) {
      return new ShaderError(owner, placeOf(text, problem.start, problem.end - problem.start), problem.message);
    }
  }
  // `tellLane` refuses a shader of which nothing prints.
  if (error instanceof KernelError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const location = locationOf(error);
  const text = location && texts.get(nameOf(location.file));
  if (!text) return new KernelError(owner.kernel, `does not link: ${message}`);
  const reason = message
    .replace(/ in file: \S+$/, '')
    .replace(/^unresolved identifier 'print_\w+'$/, (unresolved) => `${unresolved}: it stands under @if(DEBUG)`);
  const imported = importOf(text.text, reason);
  if (imported) return shaderError(owner, text, imported, reason);
  return new ShaderError(owner, placeOf(text, location.offset, location.length), reason);
}

/**
 * Makes a ShaderError of the driver's messages.
 *
 * @param map from positions in the linked text to those in the authors'.
 * @returns null when none of them is an error.
 */
export function compileError(
  owner: ShaderOwner,
  texts: ReadonlyMap<string, ShaderText>,
  map: LinkedWesl['sourceMap'],
  messages: readonly Pick<GPUCompilationMessage, 'type' | 'message' | 'offset' | 'length'>[],
): ShaderError | null {
  const located = messages.map(({ type, message, offset, length }) => {
    const { src, position } = map.destToSrc(offset);
    const text = texts.get(nameOf(src.path ?? '')) ?? { title: 'linked text', text: map.dest.text, inserted: NOTHING };
    return { type, message, place: placeOf(text, position, length) };
  });
  const first = located.find(({ type }) => type === 'error');
  if (first === undefined) return null;
  const notes = located
    .filter((other) => other !== first)
    .flatMap(({ type, message, place }) => described(place, message, `${type === 'info' ? 'note' : type}: `));
  return new ShaderError(owner, first.place, first.message, notes);
}

const NOTHING = { at: 0, length: 0 };

/** Name of a module by the path that the linker gives it: `./mine.wesl`. */
function nameOf(path: string): string {
  return path.replace(/^\.\//, '').replace(/\.w[eg]sl$/, '');
}

interface Location {
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

/** Finds the import that the linker can't resolve: it tells where the name is used. */
function importOf(text: string, reason: string): { readonly offset: number; readonly length: number } | null {
  const [, name] = /^no exported '(\w+)'|^module not found for 'package::(\w+)/.exec(reason)?.filter(Boolean) ?? [];
  if (name === undefined) return null;
  for (const { index, 0: statement } of text.matchAll(/^\s*import\s[^;]*;/gm)) {
    const at = statement.search(new RegExp(`\\b${name}\\b`));
    if (at >= 0) return { offset: index + at, length: name.length };
  }
  return null;
}

/** Finds where the linker says that an error is; null when it does not say. */
function locationOf(error: unknown): Location | null {
  const { weslLocation: location }: { weslLocation?: Partial<Location> } = Object(error);
  const { file, offset, length } = location ?? {};
  return file === undefined || offset === undefined || length === undefined ? null : { file, offset, length };
}
