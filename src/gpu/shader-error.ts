// The error of a shader that does not link or compile. Programs catch it, so this file knows neither the linker's types nor the
// driver's.
import { KernelError } from './errors.ts';
import type { ShaderPlace } from './shader-texts.ts';

/** Whose shader it is. */
export interface ShaderOwner {
  readonly kernel: string;
  /** Kernel and variant, as on GPU objects. */
  readonly label: string;
}

/** A shader that does not link or compile. */
export class ShaderError extends KernelError {
  /** The text at fault: `source`, `module <name>`, or the path of a file of the package. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** Kernel and variant, as on GPU objects. */
  readonly label: string;

  /**
   * @param message its first line heads the error, the others follow the excerpt.
   * @param notes further lines: the compiler's other messages.
   *
   * @internal
   */
  constructor({ kernel, label }: ShaderOwner, place: ShaderPlace, message: string, notes: readonly string[] = []) {
    super(kernel, [...described(place, message), ...notes].join('\n'));
    this.label = label;
    this.file = place.title;
    this.line = place.line;
    this.column = place.column;
  }
}

/** Writes a message in lines: its place and first line, the excerpt, its other lines. */
export function described(
  { title, line, column, excerpt }: ShaderPlace,
  message: string,
  kind = '',
): readonly string[] {
  const [head, ...rest] = message.trimEnd().split('\n');
  return [`${kind}${title}:${line}:${column}: ${head}`, ...excerpt, ...rest.filter((each) => each !== '')];
}
