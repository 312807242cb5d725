// Turns a shader and a variant into plain WGSL. The linker declares `Params`, after the author's text and on none of its lines:
// an author writes `params.N` and nothing else, in modules too.
import { type LinkedWesl, link, withLoggerAsync } from 'wesl';
import { KernelError } from './errors.ts';
import { compileError, linkError } from './explain-shader.ts';
import type { KernelSpec, Variant } from './kernel-spec.ts';
import { isPrinting, PRINT_CONDITION, printDeclarations, printImports, tellLane } from './print-shader.ts';
import { checkNames } from './shader-check.ts';
import type { ShaderError } from './shader-error.ts';
import { shaderOf } from './shader-names.ts';
import { shaderPath, shaderSources } from './shader-sources.ts';
import type { ShaderText } from './shader-texts.ts';
import { labelOf } from './variant-label.ts';

/** A linked shader. */
export interface LinkedShader {
  /** Plain WGSL. */
  readonly wgsl: string;
  /** Makes an error of what the driver says of that text; null when it says nothing is wrong. */
  readonly explain: (messages: readonly GPUCompilationMessage[]) => Promise<ShaderError | null>;
}

/**
 * Links a variant of a kernel's shader. `Params` are a uniform buffer after its storage bindings.
 *
 * @throws KernelError when the shader is missing, does not use a condition or constant of the kernel, or declares `Params`
 * itself; ShaderError with line and caret when it names one that the kernel does not declare, and when it does not link.
 */
export async function linkShader(spec: KernelSpec, variant: Variant): Promise<LinkedShader> {
  const name = shaderOf(spec, variant);
  const files = { ...shaderSources(), ...spec.modules };
  const source = spec.source ?? files[name];
  if (source === undefined) throw new KernelError(spec.name, `no shader file ${shaderPath(name)}`);
  const root = withParams(spec, source) + printDeclarations(spec, source, files);
  const nonzero = Object.entries(variant.constants).map(([constant, value]) => [constant, value !== 0]);
  const weslSrc: Record<string, string> = { [`${name}.wgsl`]: root };
  const texts = new Map<string, ShaderText>();
  for (const [file, text] of Object.entries(files)) {
    const title = Object.hasOwn(spec.modules ?? {}, file) ? `module ${file}` : `shaders/${file}.wgsl`;
    const params = /\bparams\./.test(text) ? `import package::${name}::params; ` : '';
    const imports = params + printImports(spec, name, text);
    if (file !== name) weslSrc[`${file}.wgsl`] = imports + text;
    texts.set(file, { title, text, inserted: { at: 0, length: imports.length } });
  }
  const title = spec.source === undefined ? (texts.get(name)?.title ?? name) : 'source';
  texts.set(name, { title, text: source, inserted: { at: 0, length: 0 } });
  const owner = { kernel: spec.name, label: labelOf(spec.name, variant) };
  checkNames(owner, spec, texts, variant);
  const linkWith = (sourceMap: boolean) =>
    link({
      weslSrc,
      rootModuleName: name,
      conditions: { [PRINT_CONDITION]: false, ...Object.fromEntries(nonzero), ...variant.conditions },
      constants: { ...variant.constants },
      keepComments: false,
      sourceMap,
    });
  try {
    const { dest } = await inTurn(() => linkWith(false));
    const edited = isPrinting(spec) ? tellLane(spec, dest) : null;
    const explain: LinkedShader['explain'] = async (messages) => {
      // Positions cost time, so they are recorded only once they are needed.
      const { sourceMap } = await inTurn(() => linkWith(true));
      const located = messages.map(({ type, message, offset, length }) => ({
        type,
        message,
        offset: edited?.placeBefore(offset) ?? offset,
        length,
      }));
      return compileError(owner, texts, sourceMap, located);
    };
    return { wgsl: edited?.text ?? dest, explain };
  } catch (error) {
    throw linkError(owner, texts, error);
  }
}

/** Adds the declaration of `Params` to the author's text: no line of it moves. */
function withParams(spec: KernelSpec, source: string): string {
  if (/^\s*struct\s+Params\b/m.test(source)) {
    throw new KernelError(
      spec.name,
      'the shader declares Params, but the kernel does: leave out the struct and its variable',
    );
  }
  const fields = Object.entries(spec.params ?? {}).map(([name, type]) => `${name}: ${type}`);
  if (fields.length === 0) return source;
  const struct = `struct Params { ${fields.join(', ')} }`;
  const binding = Object.keys(spec.bindings).length;
  return `${source}\n${struct}\n@group(0) @binding(${binding}) var<uniform> params: Params;\n`;
}

/** Settles when the links so far have: the linker's logger is one for the process. */
let idle: Promise<unknown> = Promise.resolve();

/** Links after the others, in silence: its errors say all that it prints. */
function inTurn(linking: () => Promise<LinkedWesl>): Promise<LinkedWesl> {
  const result = idle.then(() => withLoggerAsync(() => {}, linking));
  idle = result.catch(() => {});
  return result;
}
