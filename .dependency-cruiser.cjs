// The layers of src/, top first: an import may only point to a lower line, never up and never to a neighbour.
const LAYERS = [
  ['cli'],
  ['server', 'ai-sdk', 'client'],
  ['terminal', 'doctor'],
  ['research', 'engine'],
  ['scheduler', 'runtime', 'tools'],
  ['kv', 'models', 'tuning', 'testing', 'grammar'],
  ['kernels', 'formats', 'tokenizer'],
  ['timing'],
  ['core', 'gpu', 'reference', 'hub'],
  ['util'],
];

/** Folders that know a GPU only as the Runner of src/core, if at all; the reference is its oracle. */
const WITHOUT_GPU = [
  'core',
  'kv',
  'grammar',
  'tools',
  'scheduler',
  'engine',
  'tokenizer',
  'formats',
  'reference',
  'hub',
  'util',
];

/** Files of src/ itself put the layers together: only the top three lines may import them, and nothing imports the entry point. */
const ROOT_FILES = { all: '^src/[^/]+$', entry: '^src/index\\.ts$' };
const LINES_ABOVE_ROOT_FILES = 3;

/** The layers of bench/, over which stand its scripts. */
const BENCH_LAYERS = [
  ['main'],
  ['experiments', 'invariance', 'simulation', 'serving', 'peers', 'profile', 'page', 'compare'],
  ['pictures'],
  ['open-loop'],
  ['closed-loop'],
  ['load', 'kernels'],
  ['estimate'],
  ['report', 'charts'],
  ['common'],
];

const within = (layers, root = 'src') => `^${root}/(${layers.join('|')})/`;

/** Layers that stand above one, and its neighbours. */
const aboveOrBeside = (layers, layer) =>
  layers
    .slice(0, layers.findIndex((line) => line.includes(layer)) + 1)
    .flat()
    .filter((name) => name !== layer);

const layerRules = LAYERS.flatMap((line, index) =>
  line.map((layer) => {
    const higher = aboveOrBeside(LAYERS, layer);
    return {
      name: `${layer}-imports-only-lower-layers`,
      severity: 'error',
      from: { path: within([layer]) },
      to: {
        path: [
          ...(higher.length > 0 ? [within(higher)] : []),
          ROOT_FILES[index >= LINES_ABOVE_ROOT_FILES ? 'all' : 'entry'],
          '^(bench|test)/',
        ],
      },
    };
  }),
);

const forbiddenFolders = (layer) => {
  const folders = aboveOrBeside(BENCH_LAYERS, layer);
  return folders.length > 0 ? [within(folders, 'bench')] : [];
};

const benchRules = BENCH_LAYERS.flat().map((layer) => ({
  name: `bench-${layer}-imports-only-lower-layers`,
  severity: 'error',
  from: { path: within([layer], 'bench') },
  to: { path: [...forbiddenFolders(layer), '^bench/[^/]+$'] },
}));

module.exports = {
  forbidden: [
    ...layerRules,
    ...benchRules,
    {
      name: 'bench-needs-no-command',
      severity: 'error',
      from: { path: '^bench/' },
      to: { path: ['^src/cli/', '^src/index\\.ts$', '^test/'] },
    },
    {
      name: 'bench-reads-flags-in-one-place',
      severity: 'error',
      from: { path: '^bench/', pathNot: '^bench/common/script\\.ts$' },
      to: { path: '^src/terminal/(parser|command-line|run-command)\\.ts$' },
    },
    {
      name: 'entry-point-imports-only-src',
      severity: 'error',
      from: { path: '^src/[^/]+$' },
      to: { path: '^(bench|test)/' },
    },
    {
      name: 'folders-are-layers',
      comment: 'Every folder of src/ has its place in LAYERS.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: within(LAYERS.flat()) },
      to: {},
    },
    {
      name: 'bench-folders-are-layers',
      comment: 'Every folder of bench/ has its place in BENCH_LAYERS.',
      severity: 'error',
      from: { path: '^bench/[^/]+/', pathNot: within(BENCH_LAYERS.flat(), 'bench') },
      to: {},
    },
    {
      name: 'no-circle-between-folders',
      scope: 'folder',
      severity: 'error',
      from: { path: '^(src|bench)/' },
      to: { circular: true },
    },
    {
      name: 'no-gpu-here',
      severity: 'error',
      from: { path: within(WITHOUT_GPU) },
      to: {
        path: [within(['gpu', 'kernels', 'models', 'runtime', 'tuning']), 'node_modules/(webgpu|wesl|wgsl_reflect)/'],
      },
    },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'src-needs-no-dev-dependency',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'npm-peer'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // The one file of src/ that imports bench/: through it the folder src/ as a whole would be in circles with all of bench/.
    exclude: { path: '^(test/fixtures/|src/cli/bench\\.ts$)' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true, // imports of types count
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'node', 'default'] },
  },
};
