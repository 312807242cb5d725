// Flags of bench/peers.ts.
import type { InferredOptionTypes } from 'yargs';
import { choiceFlag, integerFlag, modelFlags, nameFlag, numberFlag } from '../../src/terminal/flags.ts';
import type { Script } from '../common/script.ts';
import { MAX_WAIT_MS } from '../load/waiting-clock.ts';

/** Names of the peers, in the order in which they take turns. */
export const peerNames = ['llama-vulkan', 'llama-cpu', 'onnx-webgpu', 'onnx-cpu'] as const;

/** Name of a peer: a library on a backend. */
export type PeerName = (typeof peerNames)[number];

/** Longest wait of a timer in seconds. */
const MAX_SECONDS = Math.floor(MAX_WAIT_MS / 1000);
const isTimeout = (value: number) => Number.isInteger(value) && value >= 1 && value <= MAX_SECONDS;

/** Flags of the comparison with peers by name. */
const peersFlags = {
  ...modelFlags,
  'max-new-tokens': { ...integerFlag('max-new-tokens', 2), default: 64, describe: 'tokens to generate per request' },
  repeat: {
    ...integerFlag('repeat', 1),
    default: 1,
    describe: 'rounds in which every engine runs once, in a process of its own; medians are reported',
  },
  peer: {
    ...choiceFlag('peer', [...peerNames, 'all']),
    default: 'all' as const,
    describe: `what to compare with: ${peerNames.join(', ')} or all`,
  },
  threads: {
    ...integerFlag('threads', 1),
    defaultDescription: 'its own choice',
    describe: 'threads of llama.cpp',
  },
  timeout: {
    ...numberFlag('timeout', `an integer from 1 to ${MAX_SECONDS}`, isTimeout),
    default: 900,
    describe: 'seconds that an engine has for a round',
  },
  'peers-dir': {
    ...nameFlag('peers-dir'),
    defaultDescription: 'a temporary one',
    describe: 'directory in which peers are installed, and kept for the next time',
  },
  json: { ...nameFlag('json'), describe: 'file to write the results to' },
};

/** Values of these flags by name. */
export type PeersArgs = InferredOptionTypes<typeof peersFlags>;

/** Command line of bench/peers.ts. */
export const peersScript: Script<typeof peersFlags> = {
  usage:
    'node bench/peers.ts [flags]\n\nInstalls other engines into a temporary directory and compares their speed with the same weights on the same adapter.',
  flags: peersFlags,
};

/** Lists the peers of --peer. */
export function peersOf({ peer }: Pick<PeersArgs, 'peer'>): readonly PeerName[] {
  return peer === 'all' ? peerNames : [peer];
}
