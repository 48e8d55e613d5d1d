import { openIdConnect } from '../authentication/oidc/method.js';
import type { OidcOptions } from '../authentication/oidc/options.js';
import { defineOptions, type OptionValues } from '../lib/option.js';
import { bool } from '../lib/value-type.js';

const options = defineOptions('Authentication', {
  explorerSignIn: {
    type: bool,
    default: 'false',
    help: 'Offer to sign in at each OpenID Connect issuer on the page at /-/ui/, in the browser, as a public client.',
  },
});

type Values = OptionValues<typeof options> & OidcOptions & { readonly explorer: boolean };

/** Whether people can sign in at an issuer on the page that shows the API. */
export const signIn = {
  options,
  problems(values: Values): readonly string[] {
    const { explorer, explorerSignIn } = values;
    if (!explorerSignIn) return [];
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
