// Choice of the Vulkan device of llama.cpp, by the name of roseinfer's adapter.
import { type ChildOptions, runChild } from './child.ts';
import type { LlamaDevicesJob } from './llama-devices.ts';
import { PeerError } from './peer-error.ts';

/**
 * Finds the environment in which llama.cpp runs on the Vulkan device `name` and on no other. Devices are tried one by
 * one, because llama.cpp skips a software device unless its index selects it.
 *
 * @throws PeerError when there is no such device, with the names of the others.
 */
export async function vulkanEnvironment(
  directory: string,
  name: string,
  options: Omit<ChildOptions<never>, 'env' | 'onResult'>,
): Promise<Readonly<Record<string, string>>> {
  const found: string[] = [];
  for (let index = 0; ; index++) {
    const env = { GGML_VK_VISIBLE_DEVICES: String(index) };
    let names: readonly string[] = [];
    const onResult = (result: readonly string[]) => {
      names = result;
    };
    try {
      await runChild<LlamaDevicesJob, readonly string[]>(DEVICES, { directory }, { ...options, env, onResult });
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      const others = found.length > 0 ? `only ${found.join(', ')}` : error.message;
      throw new PeerError(`llama.cpp finds no Vulkan device "${name}" (${others})`, { cause: error });
    }
    if (names.includes(name)) return env;
    found.push(...names);
  }
}

const DEVICES = new URL('./llama-devices.ts', import.meta.url);
