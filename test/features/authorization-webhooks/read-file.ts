import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WebhookConfiguration } from '../../../src/features/authorization-webhooks/configuration.js';
import { followWebhooks } from '../../../src/features/authorization-webhooks/followed-webhooks.js';
import type { Scope } from '../../support/scope.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

/** The files that the tables of files name, for a webhook at this URL. */
export function testFiles(url: string) {
  const folder = temporaryFolder();
  const head = { apiVersion: 'v1', kind: 'Config', 'current-context': 'c' };
  const write = (name: string, text: string) => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };
  /** Writes a kubeconfig for a path of the webhook. */
  const kubeconfig = (name: string, path: string, cluster: object = {}, user: object = {}) =>
    write(
      name,
      JSON.stringify({
        ...head,
        clusters: [{ name: 'c', cluster: { server: `${url}${path}`, ...cluster } }],
        contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
        users: [{ name: 'u', user }],
      }),
    );
  const main = kubeconfig('main', '/main');
  write('broken', '{');
  write('contextless', JSON.stringify(head));
  return {
    kubeconfig,
    replaced: (text: string) => text.replaceAll('KUBECONFIG', main).replaceAll('FOLDER', folder),
  };
}

/** The webhooks of a file in the gateway, or its problems. */
export async function readFile(
  scope: Scope,
  text: string,
): Promise<
  { readonly webhooks: readonly WebhookConfiguration[] } | { readonly problems: readonly string[] }
> {
  const file = join(temporaryFolder(), 'gateway.json');
  writeFileSync(file, text);
  let webhooks: readonly WebhookConfiguration[] = [];
  const followed = await followWebhooks({
    ...{ file, env: {}, interval: 60_000, reloaded() {} },
    logger: { info() {}, warn() {}, error() {} },
    use(found) {
      webhooks = found;
    },
  });
  if ('problems' in followed) return followed;
  scope.after(() => followed.close());
  return { webhooks };
}
