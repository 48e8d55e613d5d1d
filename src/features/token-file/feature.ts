import { uidTarget } from '../../authentication/method.js';
import type { Feature } from '../../feature.js';
import { defineOptions, type OptionValues } from '../../lib/option.js';
import { text } from '../../lib/value-type.js';
import { createReloadCounter } from '../../observability/metrics/reload-counter.js';
import { bearerTokenFields, bearerTokenHint } from '../common/bearer-token.js';

const options = defineOptions('Authentication', {
  tokenAuthFile: {
    type: text('FILE'),
    default: '',
    help: 'Bearer tokens of callers, one a line: token,user,uid,"group1,group2".',
  },
});

/** Authenticates callers by the tokens of a file, and follows the changes of the file. */
export const tokenFile = {
  name: 'token-file',
  options,
  metrics: registry =>
    createReloadCounter(
      registry,
      'kube_api_proxy_token_auth_file_reloads_total',
      'Reads of the changed file of --token-auth-file, by whether it could be used.',
    ),
  method: {
    name: 'token_file',
    flag: '--token-auth-file',
    hint: bearerTokenHint,
    sendsSecret: true,
    isOn: ({ tokenAuthFile }) => tokenAuthFile !== '',
  },

  async create({ tokenAuthFile }, { logger, callerRules, rereadInterval }, reloaded) {
    if (tokenAuthFile === '') return undefined;
    const { followTokenFile } = await import('./token-file.js');
    const followed = await followTokenFile({
      file: tokenAuthFile,
      interval: rereadInterval,
      rules: { ...callerRules, serviceAccounts: false },
      onWarning: warning => logger.warn(warning),
      onReload(problems) {
        reloaded(problems.length === 0);
        if (problems.length === 0) logger.info('tokens of callers reloaded');
        else logger.error({ problems }, 'tokens of callers cannot be used; the last valid ones stay in use');
      },
    });
    if ('problems' in followed) return followed;
    const { authenticator, hasUids, close } = followed;
    return {
      method: {
        authenticator,
        rechecker: authenticator,
        impersonates: () => (hasUids() ? [uidTarget] : []),
        kubeconfigUsers: () => [{ fields: bearerTokenFields, isComplete: false, isPerCluster: false }],
      },
      close,
    };
  },
} as const satisfies Feature<OptionValues<typeof options>, ReturnType<typeof createReloadCounter>>;
