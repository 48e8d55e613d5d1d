import { policyOf } from '../fake-api-server/rbac.js';
import type { Scope } from '../scope.js';
import { AskedWebhook } from '../upstreams/asked-webhook.js';
import { startGateway } from './stack.js';

const everything = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
];

/**
 * Starts a gateway with a webhook that is asked about each request of alice, lead and nobody. The API server lets everybody do everything, but
 * for whoever is called `nobody`. It ends with the scope.
 *
 * @param flag The flag for the file that names the webhook.
 */
export async function startWebhookGateway(scope: Scope, flag: string) {
  const webhook = await AskedWebhook.start(scope, {
    ...{ timeout: '2s', cacheAuthorizedRequests: false, cacheUnauthorizedRequests: false },
  });
  const gateway = await startGateway(scope, {
    tokenFile: 'alice-token,alice,7,"dev"\nlead-token,lead,,\nnobody-token,nobody,,\n',
    server: { allow: policyOf(user => (user === 'nobody' ? [] : everything)) },
    flags: [`${flag}=${webhook.file}`, '--allow-impersonation'],
  });
  return { ...gateway, webhook };
}

/** The header fields of one of its callers. */
export const as = (caller: string, ...more: readonly string[]) => [
  `Authorization: Bearer ${caller}-token`,
  ...more,
];

/** The status of a review by which a webhook denies. */
export const deny = (reason: string) => ({ allowed: false, denied: true, reason });
