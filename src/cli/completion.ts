// `roseinfer completion`: a script by which a shell completes commands and flags, made from the tables of flags.
import type { InferredOptionTypes } from 'yargs';
import { choiceFlag } from '../terminal/flags.ts';
import { type CommandTable, defineCommand } from './command.ts';

const SHELLS = ['bash', 'zsh'] as const;

/** The flags of `roseinfer completion`. */
const completionFlags = {
  shell: {
    ...choiceFlag('shell', SHELLS),
    demandOption: true as const,
    describe: `the shell, when no SHELL is given: ${SHELLS.join(', ')}`,
  },
};

/** Prints the script for a shell. */
async function completion(
  { shell }: InferredOptionTypes<typeof completionFlags>,
  _signal: AbortSignal,
  table: CommandTable,
): Promise<void> {
  const commands = Object.keys(table);
  const loaded = await Promise.all(Object.values(table).map(({ load }) => load()));
  const cases = loaded.map(({ flags }, index) => {
    const words = [...Object.keys(flags), 'help'].map((flag) => `--${flag}`);
    return `    ${commands[index]}) flags="${words.join(' ')}" ;;`;
  });
  // zsh reads scripts of bash with this.
  const start = shell === 'zsh' ? 'autoload -U +X compinit bashcompinit && compinit && bashcompinit\n' : '';
  console.log(`${start}_roseinfer() {
  local current="\${COMP_WORDS[COMP_CWORD]}" flags=""
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.join(' ')} --help --version" -- "$current"))
  elif [ "\${current#-}" != "$current" ]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
  fi
}
# Files where neither a command nor a flag fits.
complete -o default -F _roseinfer roseinfer`);
}

/** The command `roseinfer completion`. */
export const completionCommand = defineCommand({
  flags: completionFlags,
  positions: { SHELL: 'shell' },
  examples: [
    ['source <(roseinfer completion bash)', 'in ~/.bashrc'],
    ['source <(roseinfer completion zsh)', 'in ~/.zshrc'],
  ],
  run: completion,
});
