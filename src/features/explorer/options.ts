import { flagsOf, type OptionFacts } from '../../authentication/method.js';
import { defineOptions, type OptionValues } from '../../lib/option.js';
import { bool } from '../../lib/value-type.js';

/** Whether there is the page, and whether people can sign in on it at an issuer. */
export const options = {
  ...defineOptions('Listening', {
    explorer: {
      type: bool,
      default: 'true',
      help: 'Serve a page at /-/ui/ that shows the API in a browser. It never writes.',
    },
  }),
  ...defineOptions('Authentication', {
    explorerSignIn: {
      type: bool,
      default: 'false',
      help: 'Offer to sign in at each OpenID Connect issuer on the page at /-/ui/, in the browser, as a public client.',
    },
  }),
};

/** The values of these options, and what the explorer reads of the core's. */
export type ExplorerOptions = OptionValues<typeof options> & {
  /** Without a final slash; empty if it is not set. */
  readonly publicUrl: string;
};

/** As `OptionOwner.problems`. */
export function problems(
  { explorer, explorerSignIn }: ExplorerOptions,
  _given: unknown,
  { methods, methodsOn }: OptionFacts,
): readonly string[] {
  if (!explorerSignIn) return [];
  const found: string[] = [];
  if (!explorer) found.push('--explorer-sign-in needs the page, which --explorer=false takes away');
  if (!methodsOn.some(({ hasIssuers }) => hasIssuers)) {
    const ways = flagsOf(methods.filter(({ hasIssuers }) => hasIssuers));
    found.push(`--explorer-sign-in needs an OpenID Connect issuer: ${ways}`);
  }
  return found;
}
