import type { MergedOptions, OptionValues } from '../lib/option.js';
import { clientCertificate } from './client-certificate/method.js';
import type { identity } from './identity.js';
import type { AuthenticationMethod } from './method.js';
import { openIdConnect } from './oidc/method.js';
import { tokenFile } from './token-file/method.js';
import { tokenReview } from './token-review/method.js';

/** Every method, in the order in which the API server tries them. */
export const authenticationMethods = [clientCertificate, tokenFile, openIdConnect, tokenReview] as const;

/** The flags of all methods, for a sentence. */
export const methodFlags = authenticationMethods.map(({ flag }) => flag).join(', ');

type Methods = typeof authenticationMethods;

/** The options of all methods, and the options of other parts that they read. */
export type AuthenticationOptions = OptionValues<MergedOptions<Methods> & typeof identity.options> & {
  readonly tlsCertFile: string;
};

/** The methods that the options turn on. If there is at least one, callers have to authenticate. */
export function methodsOn(
  options: AuthenticationOptions,
): readonly AuthenticationMethod<AuthenticationOptions>[] {
  return authenticationMethods.filter(({ isOn }: AuthenticationMethod<AuthenticationOptions>) =>
    isOn(options),
  );
}
