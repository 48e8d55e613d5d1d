import { blocksOf, textOf } from './texts.js';

/** The pages that a reader follows command by command. */
export const pages = [
  'README.md',
  'deploy/sidecar/README.md',
  'deploy/gateway/README.md',
  'deploy/from-kubectl-proxy.md',
] as const;

/** Commands that a test of another file runs in its own way. */
export const ranByOthers: readonly (readonly [command: RegExp, test: string])[] = [
  [/^npm start -- /, 'test/e2e/app/npm-scripts.test.ts'],
  [/^kube(?:-api-proxy|ctl api-proxy) run /, 'test/deploy/run-examples.test.ts'],
  [/^npm run package && npm install --global /, 'test/deploy/packed-program.test.ts'],
  [
    /^curl .*localhost:8443\/-\/kubeconfig|^kubectl --kubeconfig gw\.yaml /,
    'test/together/apiserver/gateway-release.test.ts',
  ],
  [/^kubectl apply -[fk] deploy\/gateway/, 'test/together/apiserver/gateway-permissions.test.ts'],
  [/^curl .*"Authorization: Bearer \$TOKEN"/, 'test/together/apiserver/gateway-permissions.test.ts'],
];

/** Commands that no test can run, and why. */
export const notRun: readonly (readonly [command: RegExp, reason: string])[] = [
  [/^git clone /, 'only the reader knows the address of the repository'],
  [/^npm ci /, 'it needs a network; npm-scripts.test.ts runs the demo'],
  [/^(?:docker|kind) /, 'they need Docker'],
  [
    /^kubectl .*(?: rollout status | port-forward | logs )/,
    'they need Pods that run, and the API server of the tests runs none',
  ],
  [/^kubectl krew /, 'it needs a network'],
  [/^kubectl-oidc_login /, 'it is not a part of kubectl; gateway-release.test.ts has a double of it'],
];

const programs = /^(?:curl|docker|git|helm|kind|kube-api-proxy|kubectl|npm|[A-Z]+=\$\()/;

/** The commands of a page, in their order: without comments, each in one line. */
export function commandsOf(page: string): string[] {
  return blocksOf(textOf(page), '', 'sh')
    .flatMap(block => block.replaceAll(/ *\\\n */g, ' ').split('\n'))
    .map(line => line.replace(/ +# .*$/, ''))
    .filter(line => programs.test(line));
}

/** The commands of a page that its test runs: those for a cluster, or those for the reader's own machine. */
export function commandsToRun(page: string, { where }: { readonly where: 'cluster' | 'machine' }): string[] {
  const others = [...ranByOthers, ...notRun];
  return commandsOf(page).filter(
    command =>
      !others.some(([pattern]) => pattern.test(command)) &&
      /^(?:kubectl(?! --server)|helm|[A-Z]+=)/.test(command) === (where === 'cluster'),
  );
}
