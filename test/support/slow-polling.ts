// Makes Dawn poll once a millisecond in the processes of the tests: it re-arms `setImmediate` at every poll, and
// without a pause that takes one of the cores that a software adapter compiles and computes on. It lies below
// PollGovernor, which replaces any `setImmediate` that it finds.

const real = globalThis.setImmediate;
const parked = real(() => {});

/** Delays callbacks of native modules without arguments, as only Dawn's are, by a millisecond. */
function setImmediateSlowly(callback: (...args: unknown[]) => void, ...args: unknown[]): NodeJS.Immediate {
  const isNative = Object.hasOwn(callback, 'prototype') && String(callback).includes('[native code]');
  if (!isNative || args.length > 0) return real(callback, ...args);
  setTimeout(callback, 1);
  return parked;
}

globalThis.setImmediate = Object.assign(setImmediateSlowly, real);
