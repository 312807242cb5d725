// Turns a shader and a variant into plain WGSL. How `Params` arrive differs between adapters, so the linker declares them,
// after the author's text and on none of its lines: an author writes `params.N` and nothing else, in modules too.
import { type LinkedWesl, link, withLoggerAsync } from 'wesl';
import { KernelError } from './errors.ts';
import { compileError, linkError } from './explain-shader.ts';
import type { KernelSpec, Variant } from './kernel-spec.ts';
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
 * Links a variant of a kernel's shader.
 *
 * @param immediates `Params` arrive as immediates; otherwise in a uniform buffer, group 1.
 * @throws KernelError when the shader is missing, does not use a condition or constant of the kernel, or declares `Params`
 * itself; ShaderError with line and caret when it names one that the kernel does not declare, and when it does not link.
 */
export async function linkShader(spec: KernelSpec, variant: Variant, immediates: boolean): Promise<LinkedShader> {
  const name = shaderOf(spec, variant);
  const files = { ...shaderSources(), ...spec.modules };
  const source = spec.source ?? files[name];
  if (source === undefined) throw new KernelError(spec.name, `no shader file ${shaderPath(name)}`);
  const root = declareParams(spec, source, immediates);
  const nonzero = Object.entries(variant.constants).map(([constant, value]) => [constant, value !== 0]);
  const weslSrc: Record<string, string> = { [`${name}.wgsl`]: root.linked };
  const texts = new Map<string, ShaderText>();
  for (const [file, text] of Object.entries(files)) {
    const title = Object.hasOwn(spec.modules ?? {}, file) ? `module ${file}` : `shaders/${file}.wgsl`;
    const imports = /\bparams\./.test(text) ? `import package::${name}::params; ` : '';
    if (file !== name) weslSrc[`${file}.wgsl`] = imports + text;
    texts.set(file, { title, text, inserted: { at: 0, length: imports.length } });
  }
  const title = spec.source === undefined ? (texts.get(name)?.title ?? name) : 'source';
  texts.set(name, { title, text: source, inserted: root.inserted });
  const owner = { kernel: spec.name, label: labelOf(spec.name, variant) };
  checkNames(owner, spec, texts, variant);
  const linkWith = (sourceMap: boolean) =>
    link({
      weslSrc,
      rootModuleName: name,
      conditions: { ...Object.fromEntries(nonzero), ...variant.conditions },
      constants: { ...variant.constants },
      keepComments: false,
      sourceMap,
    });
  try {
    const { dest } = await inTurn(() => linkWith(false));
    const explain: LinkedShader['explain'] = async (messages) => {
      // Positions cost time, so they are recorded only once they are needed.
      const { sourceMap } = await inTurn(() => linkWith(true));
      return compileError(owner, texts, sourceMap, messages);
    };
    return { wgsl: dest, explain };
  } catch (error) {
    throw linkError(owner, texts, error);
  }
}

/** Imports and comments before the first declaration or directive: directives follow imports. */
const IMPORTS = /^(?:\s|\/\/.*|import\s[^;]*;)*/;

/** Declares `Params` in the author's text: no line of it moves. */
function declareParams(
  spec: KernelSpec,
  source: string,
  immediates: boolean,
): Pick<ShaderText, 'inserted'> & { readonly linked: string } {
  if (/^\s*struct\s+Params\b/m.test(source)) {
    throw new KernelError(
      spec.name,
      'the shader declares Params, but the kernel does: leave out the struct and its variable',
    );
  }
  const at = IMPORTS.exec(source)?.[0].length ?? 0;
  const fields = Object.entries(spec.params ?? {}).map(([name, type]) => `${name}: ${type}`);
  if (fields.length === 0) return { linked: source, inserted: { at, length: 0 } };
  const struct = `struct Params { ${fields.join(', ')} }`;
  const variable = immediates ? 'var<immediate>' : '@group(1) @binding(0) var<uniform>';
  const directive = immediates ? 'requires immediate_address_space; ' : '';
  const linked = `${source.slice(0, at)}${directive}${source.slice(at)}\n${struct}\n${variable} params: Params;\n`;
  return { linked, inserted: { at, length: directive.length } };
}

/** Settles when the links so far have: the linker's logger is one for the process. */
let idle: Promise<unknown> = Promise.resolve();

/** Links after the others, in silence: its errors say all that it prints. */
function inTurn(linking: () => Promise<LinkedWesl>): Promise<LinkedWesl> {
  const result = idle.then(() => withLoggerAsync(() => {}, linking));
  idle = result.catch(() => {});
  return result;
}
