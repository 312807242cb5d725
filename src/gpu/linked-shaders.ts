// Linked shaders of a kernel, which all devices share: where the driver has a program in its cache, linking is most of a compilation.
import type { KernelSpec, Variant } from './kernel-spec.ts';
import { checkBindings } from './shader-check.ts';
import { type LinkedShader, linkShader } from './shader-linker.ts';
import { labelOf } from './variant-label.ts';

/** Texts of the variants of a kernel that were linked, each once. */
export class LinkedShaders {
  readonly #spec: KernelSpec;
  /** Plain WGSL by the label of its variant. */
  readonly #texts = new Map<string, Promise<string>>();

  constructor(spec: KernelSpec) {
    this.#spec = spec;
  }

  /**
   * Returns a variant's shader, which is linked and compared with the declaration when it is first asked for.
   *
   * @throws as `linkShader` and `checkBindings`.
   */
  async get(variant: Variant): Promise<LinkedShader> {
    const spec = this.#spec;
    const label = labelOf(spec.name, variant);
    const linking = this.#texts.get(label) ?? linkAndCheck(spec, variant);
    this.#texts.set(label, linking);
    try {
      const wgsl = await linking;
      // The linker's own explanation would keep the texts of all modules.
      return { wgsl, explain: async (messages) => (await linkShader(spec, variant)).explain(messages) };
    } catch (error) {
      this.#texts.delete(label);
      throw error;
    }
  }
}

async function linkAndCheck(spec: KernelSpec, variant: Variant): Promise<string> {
  const { wgsl } = await linkShader(spec, variant);
  checkBindings(spec, wgsl);
  return wgsl;
}
