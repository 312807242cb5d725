// The texts of a kernel in which faults are planted, and kernels with other texts in their places.
import { Kernel } from '../../gpu/kernel.ts';
import type { KernelSpec } from '../../gpu/kernel-spec.ts';
import { modulesOf } from '../../gpu/shader-imports.ts';
import { shadersOf } from '../../gpu/shader-names.ts';
import { shaderSources } from '../../gpu/shader-sources.ts';
import { boundLoops } from './bounded-loops.ts';

/** Texts of a kernel, and how to put others in their places. */
export class KernelTexts<S extends KernelSpec> {
  readonly #kernel: Kernel<S>;
  readonly #sources: Readonly<Record<string, string>>;
  /** Names of all texts that some variant is linked from. */
  readonly #files: readonly string[];

  constructor(kernel: Kernel<S>) {
    const { source, modules } = kernel.spec;
    const roots = shadersOf(kernel.spec);
    const own = source === undefined ? {} : Object.fromEntries(roots.map((root) => [root, source]));
    this.#kernel = kernel;
    this.#sources = { ...shaderSources(), ...modules, ...own };
    this.#files = [...modulesOf(this.#sources, roots)].filter((file) => Object.hasOwn(this.#sources, file));
  }

  /**
   * The texts of the kernel's author by name, as they are written: its shader and the modules that it brings. A kernel over files
   * of `shaders/` has these and all that they import.
   */
  authored(): Record<string, string> {
    const { source, modules = {} } = this.#kernel.spec;
    const roots = shadersOf(this.#kernel.spec);
    const files = this.#files.filter(
      (file) => source === undefined || roots.includes(file) || Object.hasOwn(modules, file),
    );
    return Object.fromEntries(files.map((file) => [file, this.#sources[file] ?? '']));
  }

  /** How errors of the shader name a text: `source`, `module mine`, `shaders/matmul.wgsl`. */
  titleOf(file: string): string {
    const { source, modules = {} } = this.#kernel.spec;
    if (source !== undefined && shadersOf(this.#kernel.spec).includes(file)) return 'source';
    return Object.hasOwn(modules, file) ? `module ${file}` : `shaders/${file}.wgsl`;
  }

  /** Makes a kernel of these texts, some in another wording, of which every loop ends. */
  bounded(changed: Readonly<Record<string, string>>): Kernel<S> {
    const { spec } = this.#kernel;
    const modules: Record<string, string> = {};
    for (const file of this.#files) modules[file] = boundLoops(changed[file] ?? this.#sources[file] ?? '');
    const [root = ''] = shadersOf(spec);
    const source = spec.source === undefined ? undefined : modules[root];
    if (source === undefined) return new Kernel<S>({ ...spec, modules });
    delete modules[root];
    return new Kernel<S>({ ...spec, source, modules: { ...spec.modules, ...modules } });
  }
}
