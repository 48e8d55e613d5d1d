import { admitUser, type CallerRules } from '../../../authentication/identity.js';
import type { ActiveMethod } from '../../../authentication/method.js';
import { createClientCertificateAuthenticator } from './authenticator.js';
import type { ClientAuthorities } from './authorities.js';

/**
 * Authenticates callers by their client certificates. The listener's TLS handshake verifies them.
 *
 * @param authorities Those that may issue client certificates now.
 */
export function createClientCertificates(
  authorities: () => ClientAuthorities | undefined,
  rules: Omit<CallerRules, 'serviceAccounts'>,
): ActiveMethod {
  const authenticators = createClientCertificateAuthenticator(authorities, user =>
    admitUser(user, { ...rules, serviceAccounts: false }),
  );
  const fields = { 'client-certificate': 'PATH-OF-YOUR-CERTIFICATE', 'client-key': 'PATH-OF-YOUR-KEY' };
  return { ...authenticators, kubeconfigUsers: () => [{ fields, isComplete: false, isPerCluster: false }] };
}
