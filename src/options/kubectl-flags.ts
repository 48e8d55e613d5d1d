/** How a flag is written: as `--name VALUE`, or as a switch. */
interface KubectlFlag {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
}

/** The name of kubectl's verbosity flag. */
export const verbosity = 'v';

/**
 * The global flags of kubectl (`kubectl options` of 1.32, and --kuberc of 1.33) that are not options here. They are accepted so that a
 * kubectl command line works unchanged. Only the verbosity has a meaning for a long-running proxy.
 */
export const kubectlFlags: ReadonlyMap<string, KubectlFlag> = new Map<string, KubectlFlag>([
  [verbosity, { type: 'string', short: 'v' }],
  ['cache-dir', { type: 'string' }],
  ['disable-compression', { type: 'boolean' }],
  ['kuberc', { type: 'string' }],
  ['log-flush-frequency', { type: 'string' }],
  ['match-server-version', { type: 'boolean' }],
  ['namespace', { type: 'string', short: 'n' }],
  ['profile', { type: 'string' }],
  ['profile-output', { type: 'string' }],
  ['vmodule', { type: 'string' }],
  ['warnings-as-errors', { type: 'boolean' }],
]);

/** kubectl logs each request from this verbosity on. */
const requestsLogged = 6;

/**
 * The log level for a `-v`: debug from 6 up, otherwise undefined, which means the default. If the value is not a number, returns a problem
 * that begins with `where`.
 */
export function logLevelOf(
  text: string,
  where: string,
): { readonly level: 'debug' | undefined } | { readonly problem: string } {
  if (!/^[+-]?\d{1,9}$/.test(text)) return { problem: `${where}: ${JSON.stringify(text)} is not a number` };
  return { level: Number(text) >= requestsLogged ? 'debug' : undefined };
}
