import type { AuthenticationMetrics } from '../observability/authentication-metrics.js';
import type { Logger } from '../observability/logger.js';
import { Authentication } from './authentication.js';
import type { TokenAuthenticator } from './token-authenticator.js';
import { followTokenFile } from './token-file.js';

/** The options that say who may call, by their names in the table of options. */
export interface AuthenticationOptions {
  readonly tokenAuthFile: string;
  readonly allowSystemIdentities: readonly string[];
}

/** What the methods work with. */
export interface AuthenticationSurroundings {
  readonly metrics: AuthenticationMetrics;
  readonly logger: Logger;
}

/** The methods that the options ask for, ready and followed as their files change. */
export interface ConfiguredAuthentication {
  /** Undefined when callers are not asked who they are. */
  readonly authentication: Authentication | undefined;
  close(): void;
}

/** Whether callers have to say who they are. */
export function asksCallers(options: AuthenticationOptions): boolean {
  return options.tokenAuthFile !== '';
}

/** Makes them; reads files and dials nothing. All that is wrong is told at once. */
export async function configureAuthentication(
  options: AuthenticationOptions,
  { metrics, logger }: AuthenticationSurroundings,
): Promise<ConfiguredAuthentication | { readonly problems: readonly string[] }> {
  if (!asksCallers(options)) return { authentication: undefined, close: () => {} };
  const allowed = new Set(options.allowSystemIdentities);
  const methods: TokenAuthenticator[] = [];
  const closers: (() => void)[] = [];
  if (options.tokenAuthFile !== '') {
    const followed = await followTokenFile({
      file: options.tokenAuthFile,
      flag: '--token-auth-file',
      rules: { allowed, serviceAccounts: false },
      onWarning: warning => logger.warn(warning),
      onReload(problems) {
        metrics.tokenFileReloaded(problems.length === 0);
        if (problems.length === 0) logger.info('tokens of callers reloaded');
        else logger.error({ problems }, 'tokens of callers cannot be used; the last good ones stay in use');
      },
    });
    if ('problems' in followed) return followed;
    methods.push(followed.authenticator);
    closers.push(followed.close);
  }
  return {
    authentication: new Authentication(methods, metrics),
    close: () => {
      for (const close of closers) close();
    },
  };
}
