import { resolvePath } from './pem-source.js';

/** The versions of the exec credential API in client-go. A plugin must answer in the configured version. */
export const execApiVersions = [
  'client.authentication.k8s.io/v1',
  'client.authentication.k8s.io/v1beta1',
] as const;
export type ExecApiVersion = (typeof execApiVersions)[number];

/** A user's exec credential plugin (client-go's `ExecConfig`); `args` and `env` may contain secrets. */
export interface ExecConfig {
  readonly apiVersion: ExecApiVersion;
  /** A name to search for in PATH, or an absolute path. */
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the environment. If a name occurs twice, the last value is used. */
  readonly env: readonly { readonly name: string; readonly value: string }[];
  /** Advice for users who do not have the command. It may be empty or have several lines. */
  readonly installHint: string;
  readonly provideClusterInfo: boolean;
}

/**
 * Reads a user's `exec` by client-go's rules (`clientcmd` validation and defaults). A command with a slash is relative to the kubeconfig's
 * folder. A plugin that needs a terminal is a problem, because a proxy has none. Problems begin with `label`, which names the user. They
 * quote no argument and no value of a variable. With problems, the result is incomplete or undefined.
 */
export function parseExecConfig(
  exec: Readonly<Record<string, unknown>>,
  { label, file }: { readonly label: string; readonly file: string | undefined },
  problems: string[],
): ExecConfig | undefined {
  const report = (problem: string): void => {
    problems.push(`${label}: ${problem}`);
  };
  const text = (field: string): string => {
    const value = exec[field] ?? '';
    if (isText(value)) return value;
    report(`exec.${field} is not a string`);
    return '';
  };
  const known = problems.length;
  const command = text('command');
  if (command === '' && problems.length === known) report('exec.command must be set to the plugin to run');
  const apiVersion = readApiVersion(exec['apiVersion'] ?? '', report);
  checkInteractiveMode(exec['interactiveMode'] ?? '', apiVersion, report);
  const args = readArgs(exec['args'] ?? [], report);
  const env = readEnv(exec['env'] ?? [], report);
  const installHint = text('installHint');
  const provideClusterInfo = exec['provideClusterInfo'] ?? false;
  if (typeof provideClusterInfo !== 'boolean') report('exec.provideClusterInfo is not true or false');
  if (apiVersion === undefined) return undefined;
  return {
    apiVersion,
    command: command.includes('/') ? resolvePath(command, file) : command,
    args,
    env,
    installHint,
    provideClusterInfo: provideClusterInfo === true,
  };
}

type Report = (problem: string) => void;

function readApiVersion(value: unknown, report: Report): ExecApiVersion | undefined {
  const apiVersion = execApiVersions.find(version => version === value);
  if (apiVersion !== undefined) return apiVersion;
  const wanted = `use ${execApiVersions.join(' or ')}`;
  if (value === '') report(`exec.apiVersion must be set: ${wanted}`);
  else if (value === 'client.authentication.k8s.io/v1alpha1') {
    report(`exec.apiVersion ${value} is no longer supported: ${wanted}, after an update of the plugin`);
  } else report(`exec.apiVersion ${JSON.stringify(value)} is not known: ${wanted}`);
  return undefined;
}

/** `v1` has no default. In earlier versions the default is IfAvailable. */
function checkInteractiveMode(value: unknown, version: ExecApiVersion | undefined, report: Report): void {
  if (value === 'Never' || value === 'IfAvailable') return;
  if (value === 'Always') {
    report(
      'exec.interactiveMode is Always, but a proxy has no terminal for the plugin: use Never or IfAvailable',
    );
  } else if (value !== '') {
    report(`exec.interactiveMode ${JSON.stringify(value)} is not Never, IfAvailable or Always`);
  } else if (version === 'client.authentication.k8s.io/v1') {
    report(`exec.interactiveMode must be set with ${version}: Never or IfAvailable`);
  }
}

function readArgs(value: unknown, report: Report): string[] {
  if (Array.isArray(value) && value.every(isText)) return value;
  report('exec.args is not a list of strings');
  return [];
}

function readEnv(value: unknown, report: Report): { name: string; value: string }[] {
  if (!Array.isArray(value)) {
    report('exec.env is not a list');
    return [];
  }
  const variables: { name: string; value: string }[] = [];
  for (const [index, entry] of value.entries()) {
    const variable: Readonly<Record<string, unknown>> = Object(entry);
    const { name, value: content = '' } = variable;
    if (!isText(name) || name === '' || name.includes('=')) {
      report(`exec.env[${index}] has no valid name for a variable`);
    } else if (content !== null && !isText(content)) report(`exec.env[${index}].value is not a string`);
    else variables.push({ name, value: content ?? '' });
  }
  return variables;
}

/** The arguments and environment of a program cannot contain a NUL. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0');
}
