import type { OptionFacts } from '../authentication/method.js';
import { wholeRegexpList } from '../guard/regexp-list.js';
import { defineOptions, flagName, type OptionValues } from '../lib/option.js';
import { bool } from '../lib/value-type.js';

const options = defineOptions('API server', {
  allContexts: {
    type: bool,
    default: 'false',
    help: 'Also serve each context of the kubeconfig, below /clusters/NAME/.',
  },
  contexts: {
    type: wholeRegexpList,
    default: '.*',
    help: 'Contexts that --all-contexts serves, and other clusters below /clusters/, by their whole names.',
  },
});

/** Options that describe one cluster or one user. */
const ofOneCluster = [
  'server',
  'cluster',
  'certificateAuthority',
  'tlsServerName',
  'proxyUrl',
  'insecureSkipTlsVerify',
  'user',
  'clientCertificate',
  'clientKey',
  'token',
  'username',
  'password',
] as const;

type Values = OptionValues<typeof options> & {
  readonly [K in (typeof ofOneCluster)[number]]: string | boolean;
} & {
  readonly apiPrefix: string;
  readonly www: string;
  readonly wwwPrefix: string;
  readonly servesClusters: boolean;
};

/** Which contexts of the kubeconfig, and which other clusters, are served. */
export const contexts = {
  options,
  problems(values: Values, _given: unknown, { clusterSources }: OptionFacts): readonly string[] {
    const sources = clusterSources.map(({ flag }) => flag);
    if (!values.servesClusters) {
      const isNarrowed = values.contexts.source !== options.contexts.default;
      const needed = ['--all-contexts', ...sources].join(' or ');
      return isNarrowed ? [`--contexts needs ${needed}: without it only one cluster is served`] : [];
    }
    const problems: string[] = [];
    for (const key of ofOneCluster) {
      if (!values.allContexts || values[key] === '' || values[key] === false) continue;
      problems.push(
        `--${flagName(key)} and --all-contexts cannot be set at the same time: the flag is for one cluster or user, but would apply to every context`,
      );
    }
    const prefixes = {
      '--api-prefix': values.apiPrefix,
      ...(values.www !== '' && { '--www-prefix': values.wwwPrefix }),
    };
    for (const [flag, prefix] of Object.entries(prefixes)) {
      if (prefix.startsWith('/clusters/'))
        problems.push(
          `${flag}: "${prefix}" is where ${values.allContexts ? '--all-contexts' : sources.join(', ')} serves clusters`,
        );
    }
    return problems;
  },
} as const;
