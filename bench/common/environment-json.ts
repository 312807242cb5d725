import type { AdapterIdentity } from '../../src/gpu/adapter.ts';

/** When and on what a benchmark ran: the first part of the `meta` of every report. */
export function environmentJson({ name, driver, webgpu }: AdapterIdentity) {
  return { date: new Date().toISOString(), adapter: name, driver, node: process.versions.node, webgpu };
}
