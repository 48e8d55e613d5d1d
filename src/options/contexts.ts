import { wholeRegexpList } from '../guard/regexp-list.js';
import { defineOptions, type OptionValues } from '../lib/option.js';
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
    help: 'Contexts that --all-contexts serves, by their whole names.',
  },
});

/** Options that describe one cluster or one user, with their flags. */
const ofOneCluster = {
  server: '--server',
  cluster: '--cluster',
  certificateAuthority: '--certificate-authority',
  tlsServerName: '--tls-server-name',
  proxyUrl: '--proxy-url',
  insecureSkipTlsVerify: '--insecure-skip-tls-verify',
  user: '--user',
  clientCertificate: '--client-certificate',
  clientKey: '--client-key',
  token: '--token',
  username: '--username',
  password: '--password',
} as const;

type Values = OptionValues<typeof options> & {
  readonly [K in keyof typeof ofOneCluster]: string | boolean;
} & { readonly apiPrefix: string; readonly www: string; readonly wwwPrefix: string };

/** Which contexts of the kubeconfig are served. */
export const contexts = {
  options,
  problems(values: Values): readonly string[] {
    if (!values.allContexts) {
      const isNarrowed = values.contexts.source !== options.contexts.default;
      return isNarrowed ? ['--contexts needs --all-contexts: without it only one context is served'] : [];
    }
    const problems: string[] = [];
    for (const [key, flag] of Object.entries(ofOneCluster)) {
      const value = values[key as keyof typeof ofOneCluster];
      if (value === '' || value === false) continue;
      problems.push(
        `${flag} and --all-contexts cannot be set at the same time: the flag is for one cluster or user, but would apply to every context`,
      );
    }
    const prefixes = {
      '--api-prefix': values.apiPrefix,
      ...(values.www !== '' && { '--www-prefix': values.wwwPrefix }),
    };
    for (const [flag, prefix] of Object.entries(prefixes)) {
      if (prefix.startsWith('/clusters/'))
        problems.push(`${flag}: "${prefix}" is where --all-contexts serves contexts`);
    }
    return problems;
  },
} as const;
