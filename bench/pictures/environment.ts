// Where and how a run was measured, as a table.
import type { Section } from '../charts/report-page.ts';

/** `meta` of a JSON report, as far as a page shows it. */
export interface PageMeta {
  readonly date: string;
  readonly adapter: string;
  readonly driver: string;
  readonly reduction: string;
  readonly cpu: string;
  readonly os: string;
  readonly node: string;
  readonly webgpu: string;
  readonly commit: string | null;
  readonly args: Readonly<Record<string, unknown>>;
  readonly model: string;
  readonly dtype: string;
}

const LABELS = {
  date: 'Date',
  model: 'Model',
  dtype: 'Storage of weights',
  adapter: 'Adapter',
  driver: 'Driver',
  reduction: 'Order of sums (reduction class)',
  cpu: 'Processor',
  os: 'System',
  webgpu: 'WebGPU',
  node: 'Node',
  commit: 'Commit',
} as const satisfies Partial<Record<keyof PageMeta, string>>;

type LabelName = keyof typeof LABELS;

/** Makes the section. */
export function environmentSection(meta: PageMeta): Section {
  const flags = Object.entries(meta.args).flatMap(([name, value]) =>
    value === undefined || value === null ? [] : [[`--${name}`, formatValue(value)]],
  );
  return {
    heading: 'Environment',
    tables: [{ rows: labelledRows(meta) }, { folded: 'Flags of the run', rows: flags }],
  };
}

function labelledRows(meta: PageMeta): string[][] {
  const names: readonly LabelName[] = [
    'date',
    'model',
    'dtype',
    'adapter',
    'driver',
    'reduction',
    'cpu',
    'os',
    'webgpu',
    'node',
    'commit',
  ];
  return names.map((name) => [LABELS[name], meta[name] ?? 'not in a checkout']);
}

function formatValue(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
