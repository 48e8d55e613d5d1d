import { clientCertificate } from '../authentication/client-certificate/method.js';
import type { AuthenticationMethod } from '../authentication/method.js';
import { features } from '../features.js';
import type { IntersectionOf, OptionFacts } from '../lib/option.js';

/** The methods of the core, which come before those of the features. */
export const coreMethods = [clientCertificate] as const;

type ReadBy<Method> = Method extends { isOn(options: infer Options): boolean } ? Options : never;
type MethodIn<F> = F extends { readonly method: infer Method } ? Method : never;

/** The options that say which methods are on. */
export type MethodOptions = IntersectionOf<
  ReadBy<(typeof coreMethods)[number] | MethodIn<(typeof features)[number]>>
>;

type Method = AuthenticationMethod<MethodOptions>;
const all: readonly { readonly name: string; readonly method?: Method }[] = features;

/** Every method, in the order in which they are asked, which is the API server's. */
export const authenticationMethods: readonly Method[] = [
  ...coreMethods,
  ...all.flatMap(({ method }) => method ?? []),
];

/** The methods that the options turn on. If there is at least one, callers have to authenticate. */
export function methodsOn(options: MethodOptions): readonly Method[] {
  return authenticationMethods.filter(method => method.isOn(options));
}

/** What a part may ask about other parts, with these options. */
export function factsOf(options: MethodOptions): OptionFacts {
  return { methods: authenticationMethods, methodsOn: methodsOn(options) };
}
