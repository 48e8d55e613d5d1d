import { defineOptions, flagsOf, type OptionFacts, type OptionValues } from '../lib/option.js';
import { bool } from '../lib/value-type.js';

const options = defineOptions('Authentication', {
  explorerSignIn: {
    type: bool,
    default: 'false',
    help: 'Offer to sign in at each OpenID Connect issuer on the page at /-/ui/, in the browser, as a public client.',
  },
});

type Values = OptionValues<typeof options> & { readonly explorer: boolean };

/** Whether people can sign in at an issuer on the page that shows the API. */
export const signIn = {
  options,
  problems({ explorer, explorerSignIn }: Values, _given: unknown, { methods, methodsOn }: OptionFacts) {
    if (!explorerSignIn) return [];
    const problems: string[] = [];
    if (!explorer) problems.push('--explorer-sign-in needs the page, which --explorer=false takes away');
    if (!methodsOn.some(({ hasIssuers }) => hasIssuers)) {
      const ways = flagsOf(methods.filter(({ hasIssuers }) => hasIssuers));
      problems.push(`--explorer-sign-in needs an OpenID Connect issuer: ${ways}`);
    }
    return problems;
  },
} as const;
