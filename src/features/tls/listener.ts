import type { Server } from 'node:http';
import { admitUser, type CallerRules } from '../../authentication/identity.js';
import type { ActiveMethod } from '../../authentication/method.js';
import type { Core, FeatureParts, Problems } from '../../feature.js';
import { ExpiryWarnings } from '../../observability/expiry-warning.js';
import { createClientCertificateAuthenticator } from './client-certificate/authenticator.js';
import { type ClientAuthorities, includesAll } from './client-certificate/authorities.js';
import { seesEveryField } from './http2-session.js';
import type { ListenerMetrics } from './metrics.js';
import type { TlsOptions } from './options.js';
import { serveTls } from './secure-server.js';
import { ServingChain } from './serving-chain.js';
import { followTlsFiles, type TlsFiles } from './tls-files.js';

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

/** OpenSSL's names of `--tls-min-version`. */
const versions = { VersionTLS12: 'TLSv1.2', VersionTLS13: 'TLSv1.3' } as const;

/** Reads the listener's files, and follows them. */
export async function configureTls(
  options: TlsOptions,
  { logger, rereadInterval, callerRules }: Core,
  metrics: ListenerMetrics,
): Promise<FeatureParts | Problems> {
  const warnings = new ExpiryWarnings(logger);
  let chain: ServingChain;
  const use = ({ pair: { certificate, notAfter } }: TlsFiles) => {
    chain = new ServingChain(certificate);
    metrics.certificateExpires(notAfter);
    warnings.watch('the certificate of --tls-cert-file', notAfter);
  };
  // A request whose Impersonate-User was dropped would act as its caller.
  const isWithoutHttp2 = options.allowImpersonation && !seesEveryField;
  if (isWithoutHttp2) {
    logger.warn(
      'HTTP/2 is off: this version of Node.js drops fields over HTTP/2 that --allow-impersonation needs',
    );
  }
  const protocols = isWithoutHttp2 ? (['http/1.1'] as const) : (['h2', 'http/1.1'] as const);
  const servers: Server[] = [];
  let authorities: ClientAuthorities | undefined;
  const files = await followTlsFiles(
    options,
    (problems, current) => {
      metrics.reloaded(problems.length === 0);
      if (problems.length > 0) {
        logger.error(
          { problems },
          'cannot use the changed files of the TLS listener; the last good ones stay in use',
        );
        return;
      }
      logger.info('the files of the TLS listener were reloaded');
      use(current);
      if (authorities !== undefined && !includesAll(current.clientAuthorities, authorities)) {
        for (const server of servers) server.closeIdleConnections();
      }
      authorities = current.clientAuthorities;
    },
    rereadInterval,
  );
  if ('problems' in files) return files;
  use(files.current);
  authorities = files.current.clientAuthorities;
  return {
    listener: {
      serve(server, rules) {
        servers.push(server);
        serveTls(server, {
          ...rules,
          files,
          minVersion: versions[options.tlsMinVersion],
          protocols,
          onAbuse(reason, remoteAddress) {
            metrics.http2Abused(reason);
            logger.warn(
              { reason, remoteAddress },
              'an HTTP/2 connection was ended because its client sent too many resets or control frames',
            );
          },
          onHandshakeError: (err, remoteAddress) =>
            logger.debug({ err, remoteAddress }, 'a TLS handshake failed'),
        });
      },
      get certificate() {
        return chain;
      },
    },
    ...(options.clientCaFile !== '' && {
      method: createClientCertificates(() => files.current.clientAuthorities, callerRules),
    }),
    start: () => warnings.start(),
    close() {
      files.close();
      warnings.close();
    },
  };
}
