// Pulls from a stub of the hub, as tests need them: every file, no long waits.
import type { HubSettings } from '../../../src/hub/hub-settings.ts';
import { type PullOptions, pull } from '../../../src/hub/pull.ts';
import { readRepoName } from '../../../src/hub/repo-name.ts';
import type { HubStub } from './hub-stub.ts';

/** What a test changes. */
export interface PullChanges extends Partial<PullOptions> {
  readonly revision?: string;
  readonly on?: Partial<HubSettings>;
}

/** Pulls all files of a repository. */
export async function pullFrom(
  stub: HubStub,
  cache: string,
  name: string,
  { revision, on, ...changes }: PullChanges = {},
) {
  const settings = { endpoint: stub.url, token: null, offline: false, cache, symlinks: true, ...on };
  const { signal } = new AbortController();
  const choose: PullOptions['choose'] = async (files) => files;
  return await pull(readRepoName(name, revision), { settings, choose, signal, backoff: 1, stall: 5000, ...changes });
}
