// Quick tables of checks for every shader: each mutant that is not equivalent must fail one of them.
import { modulesOf } from '../../src/gpu/shader-imports.ts';
import { shaderSources } from '../../src/gpu/shader-sources.ts';
import { ATTENTION_TABLES } from './tables/attention.ts';
import { CACHE_TABLES } from './tables/cache.ts';
import { LOGITS_TABLES } from './tables/logits.ts';
import { MATMUL_TABLES } from './tables/matmul.ts';
import { NORM_TABLES } from './tables/norms.ts';
import { POINT_TABLES } from './tables/points.ts';
import { PRINT_TABLES } from './tables/print.ts';
import { PROBE_TABLES } from './tables/probes.ts';
import { SAMPLER_TABLES } from './tables/sampler.ts';
import type { Table } from './tables/table.ts';

const TABLES: readonly Table[] = [
  ...NORM_TABLES,
  ...CACHE_TABLES,
  ...MATMUL_TABLES,
  ...ATTENTION_TABLES,
  ...SAMPLER_TABLES,
  ...LOGITS_TABLES,
  ...PROBE_TABLES,
  ...PRINT_TABLES,
  ...POINT_TABLES,
];

/** Returns the checks of the kernels that a shader is part of. */
export function tablesOf(shader: string): Table['check'][] {
  return TABLES.filter(({ shaders }) => modulesOf(shaderSources(), shaders).has(shader)).map(({ check }) => check);
}
