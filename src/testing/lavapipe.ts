// Settings of lavapipe, Mesa's Vulkan on the CPU: its vectors are its subgroups, and their width is a variable of the process.
import { join } from 'node:path';
import { cacheDirectory, variable } from '../util/environment.ts';

const BITS_PER_LANE = 32;
/** Width where no variable says it: that of AVX. */
const USUAL_BITS = 256;

/**
 * Variables of a process whose subgroups have a size. Mesa's cache of shaders takes those of one width for those of another, so
 * each has its own.
 */
export function lavapipeSettings(size: number): Readonly<Record<string, string>> {
  const cache = cacheDirectory();
  return {
    LP_NATIVE_VECTOR_WIDTH: String(BITS_PER_LANE * size),
    ...(cache === null
      ? { MESA_SHADER_CACHE_DISABLE: 'true' }
      : { MESA_SHADER_CACHE_DIR: join(cache, `lavapipe-${size}`) }),
  };
}

/** Size of the subgroups in this process, for a device that does not tell. */
export function ownLavapipeSize(): number {
  return Number(variable('LP_NATIVE_VECTOR_WIDTH') ?? USUAL_BITS) / BITS_PER_LANE;
}
