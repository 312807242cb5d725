// The API reference is made from the entry points without a warning: a signature that names what the reference leaves out,
// or a link that leads nowhere, fails here and not at a reader's.
// @module-tag sweep
import { expect, test } from 'vitest';
import { runNode } from '../support/run-node.ts';

const TYPEDOC = 'node_modules/typedoc/bin/typedoc';

// `npm run check` type-checks the sources.
test('the reference has all that public signatures name, and links that lead somewhere', () => {
  const { status, stdout, stderr } = runNode([TYPEDOC, '--emit', 'none', '--skipErrorChecking']);
  expect(stdout + stderr).not.toMatch(/warning|error/i);
  expect(status).toBe(0);
});
