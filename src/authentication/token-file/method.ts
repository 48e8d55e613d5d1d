import { defineOptions, type OptionValues } from '../../lib/option.js';
import { text } from '../../lib/value-type.js';
import { bearerTokenFields, bearerTokenHint } from '../bearer-token/bearer-token.js';
import { type CoreMethod, uidTarget } from '../method.js';

const options = defineOptions('Authentication', {
  tokenAuthFile: {
    type: text('FILE'),
    default: '',
    help: 'Bearer tokens of callers, one a line: token,user,uid,"group1,group2".',
  },
});

/** Authenticates callers by the tokens of a file, and follows the changes of the file. */
export const tokenFile = {
  name: 'token_file',
  flag: '--token-auth-file',
  hint: bearerTokenHint,
  sendsSecret: true,
  options,

  isOn: ({ tokenAuthFile }) => tokenAuthFile !== '',

  async create({ tokenAuthFile }, { metrics, logger, callerRules, rereadInterval }) {
    const { followTokenFile } = await import('./token-file.js');
    const followed = await followTokenFile({
      file: tokenAuthFile,
      interval: rereadInterval,
      rules: { ...callerRules, serviceAccounts: false },
      onWarning: warning => logger.warn(warning),
      onReload(problems) {
        metrics.authentication.tokenFileReloaded(problems.length === 0);
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
} satisfies CoreMethod<OptionValues<typeof options>>;
