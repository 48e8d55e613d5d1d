import { definitionOf, flagName, type OptionKey, optionKeys } from '../options.js';
import type { Given, Source } from './given.js';

/** The environment variable that sets the option. */
export function environmentName(key: OptionKey): string {
  return `KUBE_API_PROXY_${flagName(key).replaceAll('-', '_').toUpperCase()}`;
}

/**
 * What kubelet writes for a Service called kube-api-proxy (`tcp://10.0.0.1:8001` in KUBE_API_PROXY_PORT), which
 * nobody meant as an option.
 */
const serviceLink = /^(tcp|udp|sctp):\/\//;

/** Reads KUBE_API_PROXY_FLAG_NAME for every flag; a variable that is set and empty counts, other names do not. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Source {
  const given = new Map<OptionKey, Given>();
  for (const key of optionKeys.values()) {
    const name = environmentName(key);
    const text = env[name];
    if (text === undefined || definitionOf(key).flagOnly === true) continue;
    if (key === 'port' && serviceLink.test(text)) continue;
    given.set(key, { text, where: name });
  }
  return { given, problems: [] };
}
