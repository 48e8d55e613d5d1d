import type { OptionFacts } from '../../authentication/method.js';
import { defineOptions, flagName, type OptionValues } from '../../lib/option.js';
import { bool, text } from '../../lib/value-type.js';

/** The command's name. */
export const name = 'run';
/** How it is called. */
export const usage = `${name} [flags] -- COMMAND [ARGS]`;

/** The options of the command alone. */
export const options = {
  ...defineOptions('Logging', {
    logFile: {
      type: text('FILE'),
      default: '',
      help: 'With run: file for the log of the proxy, which has none otherwise.',
    },
  }),
  ...defineOptions('General', {
    dryRun: {
      type: bool,
      default: 'false',
      help: 'With run: print what would be allowed, and the kubeconfig of COMMAND, and start nothing.',
    },
    quiet: {
      type: bool,
      default: 'false',
      help: 'With run: do not print the line that says what is guarded.',
    },
  }),
};

/** Options of the core that make no sense with the command, and why. */
const refused = {
  ...{ port: 'it chooses a free port', unixSocket: 'clients of kubeconfigs need a port' },
  ...{ address: 'it listens on 127.0.0.1', insecureAllowUnauthenticated: 'it listens on 127.0.0.1' },
  ...{ adminPort: 'it has one listener', adminAddress: 'it has one listener' },
  ...{ apiPrefix: 'it has a path of its own', publicUrl: 'it has a path of its own' },
  ...{ www: 'it serves the API alone', wwwPrefix: 'it serves the API alone' },
  ...{ trustedProxies: 'its clients are on this machine', shutdownDelay: 'nothing asks whether it is ready' },
} as const;

/** The options of the core that the command reads or sets. */
interface CoreOptions {
  readonly port: number;
  readonly appendServerPath: boolean;
  readonly allContexts: boolean;
  /** Milliseconds. */
  readonly shutdownGrace: number;
}

/** The options that the command reads. */
export type RunOptions = OptionValues<typeof options> & CoreOptions;

/** With the command, which options make no sense; without it, which ones are the command's. */
export function problems(
  _options: RunOptions,
  given: ReadonlySet<string>,
  { command, methodsOn, listenersOn }: OptionFacts,
): readonly string[] {
  if (command !== name) {
    const own = Object.keys(options).filter(key => given.has(key));
    return own.map(key => `--${flagName(key)} is for kube-api-proxy ${usage}`);
  }
  const reasons = [
    ...Object.entries(refused).flatMap(([key, why]) => (given.has(key) ? [[`--${flagName(key)}`, why]] : [])),
    ...methodsOn.map(({ flag }) => [flag, 'its command is the only caller']),
    ...listenersOn.map(({ flag }) => [flag, 'its clients send no secret']),
  ];
  return reasons.map(([flag, why]) => `${flag} cannot be used with ${name}: ${why}`);
}
