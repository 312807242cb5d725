// Prints the WebGPU adapter that the engine would open, or why there is none; exits 1 then.
try {
  const { findAdapter } = await import('#platform');
  const { identity } = await findAdapter();
  console.log(`WebGPU adapter: ${identity.name} (${identity.backend}, ${identity.driver})`);
} catch (error) {
  console.log(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
