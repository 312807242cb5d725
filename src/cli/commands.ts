// The commands of `roseinfer`: a new one is a line here.
import type { Command, CommandTable } from './command.ts';

/** All commands. */
export const COMMANDS: CommandTable = {
  generate: { purpose: 'continue a text', load: async () => (await import('./generate.ts')).generateCommand },
  chat: { purpose: 'chat with a model', load: async () => (await import('./chat.ts')).chatCommand },
  batch: { purpose: 'answer the calls in a file', load: async () => (await import('./batch.ts')).batchCommand },
  worker: {
    purpose: 'answer calls from a queue, for batch --queue',
    load: async () => (await import('./worker.ts')).workerCommand,
  },
  score: {
    purpose: 'measure how well a model predicts a text',
    load: async () => (await import('./score.ts')).scoreCommand,
  },
  serve: { purpose: 'serve a model to OpenAI clients', load: async () => (await import('./serve.ts')).serveCommand },
  pull: {
    purpose: 'download a model from the Hugging Face hub',
    load: async () => (await import('./pull.ts')).pullCommand,
  },
  models: { purpose: 'list the models on this machine', load: async () => (await import('./models.ts')).modelsCommand },
  tune: {
    purpose: 'measure which kernel variants are fastest here',
    load: async () => (await import('./tune.ts')).tuneCommand,
  },
  bench: {
    purpose: 'compare schedulers, or send requests over time',
    load: async () => (await import('./bench.ts')).benchCommand,
  },
  doctor: {
    purpose: 'check the adapter and every kernel on it',
    load: async () => (await import('./doctor.ts')).doctorCommand,
  },
  completion: {
    purpose: 'print a completion script for bash or zsh',
    load: async () => (await import('./completion.ts')).completionCommand,
  },
};

/** Makes the first lines of the help of a command. */
export function usageOf(name: string, { positions }: Pick<Command, 'positions'>): string {
  const words = Object.keys(positions).map((word) => ` [${word}]`);
  return `roseinfer ${name}${words.join('')} [flags]\n\n${COMMANDS[name]?.purpose}`;
}

/** Makes the help of all commands. */
export function listCommands(): string {
  const names = Object.keys(COMMANDS);
  const width = Math.max(...names.map((name) => name.length));
  const lines = names.map((name) => `  roseinfer ${name.padEnd(width)}  ${COMMANDS[name]?.purpose}`);
  return [
    'roseinfer COMMAND [flags]\n\nCommands:',
    ...lines,
    '\nOptions:\n  -h, --help     Show help; that of a command with roseinfer help COMMAND',
    '  -v, --version  Show version number',
  ].join('\n');
}
