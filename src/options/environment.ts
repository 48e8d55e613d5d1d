import { flagName } from '../lib/option.js';
import { suggest } from './suggestion.js';
import { definitionOf, type OptionKey, optionKeys, type Setting, type Source } from './table.js';

const prefix = 'KUBE_API_PROXY_';

/** The environment variable that sets the option. */
export function environmentName(key: OptionKey): string {
  return `${prefix}${flagName(key).replaceAll('-', '_').toUpperCase()}`;
}

const keysByVariable: ReadonlyMap<string, OptionKey> = new Map(
  [...optionKeys.values()].map(key => [environmentName(key), key]),
);

/**
 * Reads KUBE_API_PROXY_FLAG_NAME for every flag. A variable that is set but empty counts as set. Other names with the prefix are problems,
 * because a rule with a misspelt name would protect nothing. Variables that the kubelet sets for Services are ignored.
 */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Source {
  const settings = new Map<OptionKey, Setting>();
  const problems: string[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (text === undefined || !name.startsWith(prefix) || isServiceVariable(name, text)) continue;
    const key = keysByVariable.get(name);
    if (key === undefined) problems.push(unknownVariable(name));
    // An image may set KUBE_API_PROXY_VERSION to its version, so the variables of --help and --version are ignored.
    else if (definitionOf(key).flagOnly !== true) settings.set(key, { text, where: name });
  }
  return { settings, problems };
}

function unknownVariable(name: string): string {
  const flag = name.slice(prefix.length).toLowerCase().replaceAll('_', '-');
  const key = optionKeys.get(suggest(flag, optionKeys.keys()) ?? '');
  return `unknown variable: ${name}${key === undefined ? '' : ` (did you mean ${environmentName(key)}?)`}`;
}

/** How the kubelet's variables for a Service end (`envvars.FromServices`): Kubernetes' own, and Docker's links. No variable of a flag does. */
const ofService =
  /_SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)$|_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/;

/**
 * Whether a variable is one that the kubelet sets in every container for a Service of the Pod's namespace. For example,
 * `KUBE_API_PROXY_ADMIN_PORT=tcp://10.0.0.1:80` is for a Service kube-api-proxy-admin, but `KUBE_API_PROXY_ADMIN_PORT=8002` is not.
 */
function isServiceVariable(name: string, value: string): boolean {
  return ofService.test(name) || (name.endsWith('_PORT') && /^(?:tcp|udp|sctp):\/\//.test(value));
}
