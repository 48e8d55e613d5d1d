import type { MergedOptions, OptionValues } from '../lib/option.js';
import { clientCertificate } from './client-certificate/method.js';
import type { identity } from './identity.js';
import type { AuthenticationMethod } from './method.js';
import { openIdConnect } from './oidc/method.js';
import { tokenFile } from './token-file/method.js';
import { tokenReview } from './token-review/method.js';

/** Every method, in the order in which they are asked: the API server's. */
export const authenticationMethods = [clientCertificate, tokenFile, openIdConnect, tokenReview] as const;

type Methods = typeof authenticationMethods;

/** The options of all methods, with those that they read of others. */
export type AuthenticationOptions = OptionValues<MergedOptions<Methods> & typeof identity.options> & {
  readonly tlsCertFile: string;
};

/** The methods that the options turn on. With one of them or more, callers have to say who they are. */
export function methodsOn(
  options: AuthenticationOptions,
): readonly AuthenticationMethod<AuthenticationOptions>[] {
  return authenticationMethods.filter(({ isOn }: AuthenticationMethod<AuthenticationOptions>) =>
    isOn(options),
  );
}
