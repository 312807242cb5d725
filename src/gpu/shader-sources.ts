// The WGSL files of the package as texts: kernels are built from these, so that a caller's own may take their places. They
// are in a module, generated from the files, since a browser reads no files.
import { SHADER_TEXTS } from './shader-texts.generated.ts';

/** Text of every file in `shaders/`, by file name without extension. */
export function shaderSources(): Readonly<Record<string, string>> {
  return SHADER_TEXTS;
}

/** Path of a file in `shaders/` from the package's directory, for messages. */
export function shaderPath(name: string): string {
  return `shaders/${name}.wgsl`;
}
