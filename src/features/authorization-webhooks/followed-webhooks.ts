import { type FollowedFile, followConfigurationFile } from '../common/configuration-file/follow.js';
import type { Report } from '../common/configuration-file/parse.js';
import type { WebhookConfiguration } from './configuration.js';
import { type ServerParts, type ServerSet, WebhookServers } from './servers.js';
import { authorizationFile, type ValidWebhook, validate } from './validation.js';

/** How the file is followed. */
export interface FollowOptions extends ServerParts {
  /** The path: the value of --authorization-config. */
  readonly file: string;
  /** Called with the webhooks of each version of the file that can be used, the first one included. */
  readonly use: (webhooks: readonly WebhookConfiguration[]) => void;
  readonly logger: ServerParts['logger'] & { info(message: string): void };
}

/**
 * Reads the file and the kubeconfigs that it names, and follows the changes of all of them. If a new version cannot be used, the last valid
 * one stays in use. If the file cannot be used now, the problems are returned.
 */
export async function followWebhooks({
  file,
  use,
  ...parts
}: FollowOptions): Promise<FollowedFile | { readonly problems: readonly string[] }> {
  const servers = new WebhookServers(parts);
  const followed = await followConfigurationFile({
    ...{ flag: '--authorization-config', file, format: authorizationFile, subject: 'webhooks' },
    read: validate,
    async use(valid, report) {
      const opened = await open(valid, servers, report);
      if (opened === undefined) return;
      use(valid.map(webhook => withServer(webhook, opened)));
      servers.use(opened);
    },
    ...{ reloaded: parts.reloaded, logger: parts.logger, interval: parts.interval },
  });
  if ('problems' in followed) {
    servers.close();
    return followed;
  }
  return {
    warnings: () => [...followed.warnings(), ...servers.warnings()],
    close() {
      followed.close();
      servers.close();
    },
  };
}

/** Undefined if something is reported. */
async function open(
  valid: readonly ValidWebhook[],
  servers: WebhookServers,
  report: Report,
): Promise<ServerSet | undefined> {
  const opened = await servers.open(valid.map(({ kubeconfig }) => kubeconfig));
  if ('servers' in opened) return opened.servers;
  for (const { kubeconfig, path } of valid) {
    for (const problem of opened.problems.get(kubeconfig) ?? [])
      report(path, 'cannot be used', `: ${problem}`);
  }
  return undefined;
}

function withServer(
  { kubeconfig, path: _, ...webhook }: ValidWebhook,
  servers: ServerSet,
): WebhookConfiguration {
  return { ...webhook, server: servers.get(kubeconfig, webhook.timeout) };
}
