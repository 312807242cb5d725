// Quick tables of the probes of a GPU's limits.
import { probeFma, probeLoad, probeRead } from '../../../src/timing/probes.ts';
import { checkProbeFma, checkProbeLoad, checkProbeRead } from '../../support/kernels/probe-checks.ts';
import type { Table } from './table.ts';

/** Tables of the probes. */
export const PROBE_TABLES: readonly Table[] = [
  { shaders: ['probe_read'], check: (device, replace) => checkProbeRead(device, replace(probeRead)) },
  { shaders: ['probe_load'], check: (device, replace) => checkProbeLoad(device, replace(probeLoad)) },
  { shaders: ['probe_fma'], check: (device, replace) => checkProbeFma(device, replace(probeFma)) },
];
