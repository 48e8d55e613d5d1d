import { resolve } from 'node:path';
import { isObject } from '../lib/json.js';
import { readRegular } from '../lib/read-file.js';
import { parseYaml } from '../lib/yaml-document.js';

/** The environment of kubectl, as far as it says where its preferences are. */
interface KubercLocation {
  /** The variable `KUBERC`; `off` for no file. */
  readonly env: string | undefined;
  /** Empty if it is not known. */
  readonly homedir: string;
}

/**
 * The file of kubectl's preferences (kuberc, kubectl 1.35), if it says which credential plugins kubectl may run. Undefined for any other one,
 * and for one that cannot be read.
 */
export async function pluginPolicyFile({ env = '', homedir }: KubercLocation): Promise<string | undefined> {
  if (env === 'off' || (env === '' && homedir === '')) return undefined;
  const file = env === '' ? resolve(homedir, '.kube', 'kuberc') : resolve(env);
  const text = await readRegular(file).catch(() => undefined);
  const parsed = text && parseYaml(file, text.toString('utf8'));
  if (parsed === undefined || 'problems' in parsed || !isObject(parsed.value)) return undefined;
  const { credentialPluginPolicy: policy = '', credentialPluginAllowlist: list } = parsed.value;
  const isOpen = policy === '' || policy === 'AllowAll';
  return isOpen && !(Array.isArray(list) && list.length > 0) ? undefined : file;
}
