// Lets Dawn poll once a millisecond in the processes of the tests: it re-arms `setImmediate` at every poll, and without a
// pause that takes one of the cores that a software adapter compiles and computes on. It lies below PollGovernor, which
// stands in for whatever `setImmediate` it finds.

const real = globalThis.setImmediate;
const parked = real(() => {});

/** Puts callbacks of native modules without arguments off by a millisecond, as only Dawn's are. */
function setImmediateSlowly(callback: (...args: unknown[]) => void, ...args: unknown[]): NodeJS.Immediate {
  const isNative = Object.hasOwn(callback, 'prototype') && String(callback).includes('[native code]');
  if (!isNative || args.length > 0) return real(callback, ...args);
  setTimeout(callback, 1);
  return parked;
}

globalThis.setImmediate = Object.assign(setImmediateSlowly, real);
