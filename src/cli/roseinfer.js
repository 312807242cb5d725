#!/usr/bin/env node
// Plain JavaScript on purpose: an older Node can't read TypeScript, but it can say so here.
const oldest = 24;

if (Number.parseInt(process.versions.node, 10) < oldest) {
  console.error(`roseinfer: Node is ${process.versions.node}, expected ${oldest} or newer`);
  process.exitCode = 1;
} else {
  await import('./main.ts');
}
