// The layers of src/, top first: an import may only point to a lower line, never up and never to a neighbour.
const LAYERS = [
  ['cli', 'server'],
  ['engine'],
  ['scheduler', 'model'],
  ['kv', 'kernels'],
  ['core', 'gpu'],
  ['reference'],
  ['util'],
];

// Files of src/ itself put the layers together: only the top layer may import them, and nothing imports the entry point.
const ROOT_FILES = { all: '^src/[^/]+$', entry: '^src/index\\.ts$' };

const within = (layers) => `^src/(${layers.join('|')})/`;

const layerRules = LAYERS.flatMap((line, index) =>
  line.map((layer) => {
    const higher = LAYERS.slice(0, index + 1)
      .flat()
      .filter((name) => name !== layer);
    return {
      name: `${layer}-imports-only-lower-layers`,
      severity: 'error',
      from: { path: within([layer]) },
      to: {
        path: [
          ...(higher.length > 0 ? [within(higher)] : []),
          ROOT_FILES[index > 0 ? 'all' : 'entry'],
          '^(bench|test)/',
        ],
      },
    };
  }),
);

module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'entry-point-imports-only-src',
      severity: 'error',
      from: { path: '^src/[^/]+$' },
      to: { path: '^(bench|test)/' },
    },
    {
      name: 'no-gpu-here',
      comment: 'Core, kv, scheduler and engine know a GPU only as the Runner of src/core; the reference is its oracle.',
      severity: 'error',
      from: { path: within(['core', 'kv', 'scheduler', 'engine', 'reference', 'util']) },
      to: { path: [within(['gpu', 'kernels', 'model']), 'node_modules/(webgpu|wesl|wgsl_reflect)/'] },
    },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'src-needs-no-dev-dependency',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^test/fixtures/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true, // imports of types count
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'node', 'default'] },
  },
};
