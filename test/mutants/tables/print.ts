// Quick table of the lines that shaders print.
import { checkPrints } from '../../support/kernels/print-checks.ts';
import type { Table } from './table.ts';

/** Table of print. */
export const PRINT_TABLES: readonly Table[] = [
  { shaders: ['print'], check: (device, replace) => checkPrints(device, replace) },
];
