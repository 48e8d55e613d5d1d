import { clientCertificate } from '../authentication/client-certificate/method.js';
import type { identity } from '../authentication/identity.js';
import type { AuthenticationMethod } from '../authentication/method.js';
import { openIdConnect } from '../authentication/oidc/method.js';
import { tokenFile } from '../authentication/token-file/method.js';
import { tokenReview } from '../authentication/token-review/method.js';
import type { MergedOptions, OptionFacts, OptionValues } from '../lib/option.js';

/** Every method, in the order in which the API server tries them. */
export const authenticationMethods = [clientCertificate, tokenFile, openIdConnect, tokenReview] as const;

type Methods = typeof authenticationMethods;

/** The options of all methods, and the options of other parts that they read. */
export type MethodOptions = OptionValues<MergedOptions<Methods> & typeof identity.options> & {
  readonly tlsCertFile: string;
};

/** The methods that the options turn on. If there is at least one, callers have to authenticate. */
export function methodsOn(options: MethodOptions): readonly AuthenticationMethod<MethodOptions>[] {
  return authenticationMethods.filter(({ isOn }: AuthenticationMethod<MethodOptions>) => isOn(options));
}

/** What a part may ask about other parts, with these options. */
export function factsOf(options: MethodOptions): OptionFacts {
  return { methods: authenticationMethods, methodsOn: methodsOn(options) };
}
