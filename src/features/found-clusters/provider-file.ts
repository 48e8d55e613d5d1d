import { type ExecConfig, parseExecConfig } from '../../kubeconfig/exec-config.js';
import { isObject, type JsonObject } from '../../lib/json.js';
import { describeFileError, type ReadFile } from '../../lib/read-file.js';
import { parseYaml } from '../../lib/yaml-document.js';

/** The plugins that get credentials for ClusterProfiles, by the name of the access provider, in the order of the file. */
export type Providers = ReadonlyMap<string, ExecConfig>;

const flag = '--clusterprofile-provider-file';

/**
 * Reads the file of the ClusterProfile API's library for clients (`pkg/access`, KEP-5339): `{"providers": [{"name", "execConfig"}]}`. A command
 * with a slash is relative to the working folder, and no plugin has a terminal, as there. Its two policies, by which a ClusterProfile may
 * add arguments and variables to a plugin, can only be `Ignore`: they would give those who write ClusterProfiles a process here.
 */
export async function readProviderFile(
  file: string,
  read: ReadFile,
): Promise<{ readonly providers: Providers } | { readonly problems: readonly string[] }> {
  const where = `${flag}: ${file}`;
  let text: string;
  try {
    text = (await read(file)).toString();
  } catch (error) {
    return { problems: [`${where}: ${describeFileError(error)}`] };
  }
  const yaml = parseYaml(where, text);
  if ('problems' in yaml) return yaml;
  const list = isObject(yaml.value) ? yaml.value['providers'] : undefined;
  if (!Array.isArray(list) || list.length === 0)
    return { problems: [`${where}: it has no list of providers`] };
  const providers = new Map<string, ExecConfig>();
  const problems: string[] = [];
  for (const [index, entry] of list.entries()) {
    const at = `${yaml.at(yaml.nodeAt(['providers', index]))}: providers[${index}]`;
    const { name, ...provider }: JsonObject = Object(entry);
    if (typeof name !== 'string' || name === '') problems.push(`${at}.name is not a name`);
    else if (providers.has(name)) problems.push(`${at}: two providers have the name ${JSON.stringify(name)}`);
    else {
      const config = readProvider(provider, at, problems);
      if (config !== undefined) providers.set(name, config);
    }
  }
  return problems.length > 0 ? { problems } : { providers };
}

function readProvider(provider: JsonObject, at: string, problems: string[]): ExecConfig | undefined {
  for (const [field, policy] of Object.entries(provider)) {
    // Go reads the names of fields in any case.
    if (!/^profileSourced(?:CLIArgs|EnvVars)Policy$/i.test(field)) continue;
    if ((policy ?? '') === '' || policy === 'Ignore') continue;
    problems.push(
      `${at}.${field} is ${JSON.stringify(policy)}; it can only be Ignore, because whoever writes a ClusterProfile must not choose how a plugin runs here`,
    );
  }
  const { execConfig } = provider;
  if (isObject(execConfig)) {
    return parseExecConfig(
      { ...execConfig, interactiveMode: 'Never' },
      { label: at, file: undefined },
      problems,
    );
  }
  problems.push(`${at} has no execConfig`);
  return undefined;
}
