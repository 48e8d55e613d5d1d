import { openIdConnect } from '../authentication/oidc/method.js';
import type { OidcOptions } from '../authentication/oidc/options.js';
import { defineOptions, type OptionValues } from '../lib/option.js';
import { bool, names } from '../lib/value-type.js';

const options = defineOptions('Authentication', {
  explorerSignIn: {
    type: bool,
    default: 'false',
    help: 'Offer to sign in at each OpenID Connect issuer on the page at /-/ui/, in the browser, as a public client.',
  },
  explorerSignInScopes: {
    type: names,
    default: '',
    help: 'Scopes that the page asks for; by default openid, profile, email, groups and offline_access, if the issuer has them.',
  },
});

type Values = OptionValues<typeof options> & OidcOptions & { readonly explorer: boolean };

/** Whether people can sign in at an issuer on the page that shows the API. */
export const signIn = {
  options,
  problems(values: Values): readonly string[] {
    const { explorer, explorerSignIn, explorerSignInScopes } = values;
    if (!explorerSignIn) {
      return explorerSignInScopes.length === 0 ? [] : ['--explorer-sign-in-scopes needs --explorer-sign-in'];
    }
    const problems: string[] = [];
    if (!explorer) problems.push('--explorer-sign-in needs the page, which --explorer=false takes away');
    if (!openIdConnect.isOn(values)) {
      problems.push(
        '--explorer-sign-in needs an OpenID Connect issuer: --oidc-issuer-url or --authentication-config',
      );
    }
    return problems;
  },
} as const;
