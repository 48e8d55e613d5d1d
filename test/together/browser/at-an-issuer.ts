import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { openPage } from '../../support/browser/page.js';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { until } from '../../support/eventually.js';
import { clientId, type RunningProvider, startProvider } from '../../support/identities/oidc-provider.js';
import { startProxyFor } from '../../support/proxy/proxy.js';
import { startGateway } from '../../support/proxy/stack.js';
import type { Scope } from '../../support/scope.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

export const pods = '/api/v1/namespaces/default/pods';

/** A gateway whose page offers one provider, by flags, or several, by a file. Their alice has the rights of alice. */
export async function startAtAnIssuer(
  scope: Scope,
  browser: Browser,
  { lifetime = 300, count = 1, args = [] as readonly string[] } = {},
) {
  const folder = temporaryFolder();
  const authority = await createCertificateAuthority();
  const issuers = await Promise.all(
    Array.from({ length: count }, () => startProvider(scope, authority, { lifetime })),
  );
  const issuer = issuers[0] as RunningProvider;
  const [caFile, config] = [join(folder, 'ca.crt'), join(folder, 'issuers.json')];
  await writeFile(caFile, authority.certificate);
  await writeFile(
    config,
    JSON.stringify({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'AuthenticationConfiguration',
      jwt: issuers.map(({ url }) => ({
        issuer: { url, audiences: [clientId], certificateAuthority: authority.certificate },
        claimMappings: { username: { claim: 'sub', prefix: '' } },
      })),
    }),
  );
  const flags = [
    ...[`--oidc-issuer-url=${issuer.url}`, `--oidc-client-id=${clientId}`, `--oidc-ca-file=${caFile}`],
    '--oidc-username-prefix=-',
  ];
  const { proxy, server } = await startGateway(scope, {
    run: startProxyFor,
    flags: [...(count === 1 ? flags : [`--authentication-config=${config}`]), '--explorer-sign-in', ...args],
  });
  const ui = `${proxy.url}/-/ui/`;
  /** The redirect URI of each provider, which it alone accepts. */
  const redirects: string[] = [];
  await until(async () => {
    const offer = (await (await fetch(`${proxy.url}/-/sign-in`)).json()) as {
      readonly issuers: readonly { readonly issuer: string; readonly redirectPath: string }[];
    };
    const paths = issuers.map(({ url }) => offer.issuers.find(entry => entry.issuer === url)?.redirectPath);
    redirects.splice(0, count, ...paths.map(path => `${proxy.url}${path ?? '/-/ui/'}`));
    return offer.issuers.length === count;
  });
  for (const [at, { pages }] of issuers.entries()) pages.add(redirects[at] as string);
  /** A window of its own browser. */
  const open = (own: Scope, fragment?: string) => openPage(own, browser, proxy.url, fragment);
  return { issuer, issuers, redirects, proxy, server, ui, open };
}

/** The button that goes to the issuer. */
export function button(page: Page) {
  return page.getByRole('button', { name: /^Sign in with / });
}

/** The field for a token. */
export function field(page: Page) {
  return page.getByLabel('Bearer token');
}

/** Answers the provider's question for a name. */
export async function logIn(page: Page, name = 'alice'): Promise<void> {
  await page.locator('input[name=login]').fill(name);
  await page.locator('input[name=password]').fill('any');
  await page.locator('input[name=password]').press('Enter');
}

/** Signs in with the button, at a provider that does not know this browser yet. */
export async function signIn(page: Page): Promise<void> {
  await button(page).click();
  await logIn(page);
}

/** Everything that stays after the document, or that others can read. */
export async function traces(page: Page): Promise<string> {
  const stored = await page.evaluate<string>(
    'JSON.stringify([location.href, { ...localStorage }, { ...sessionStorage }, history.state])',
  );
  return [stored, JSON.stringify(await page.context().cookies(page.url())), await page.content()].join('\n');
}
