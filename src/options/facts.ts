import type { AuthenticationMethod, OptionFacts } from '../authentication/method.js';
import type { ListenerFacts } from '../feature.js';
import { features } from '../features.js';
import type { IntersectionOf } from '../lib/option.js';

type ReadBy<Part> = Part extends { isOn(options: infer Options): boolean } ? Options : never;
type PartsIn<F> =
  | (F extends { readonly method: infer Method } ? Method : never)
  | (F extends { readonly listener: infer Listener } ? Listener : never);

/** The options that say which methods of authentication, and which listener, are on. */
export type FactOptions = IntersectionOf<ReadBy<PartsIn<(typeof features)[number]>>>;

type Method = AuthenticationMethod<FactOptions>;
type Listener = ListenerFacts<FactOptions>;

const all: readonly { readonly name: string; readonly method?: Method; readonly listener?: Listener }[] =
  features;
/** The listeners that encrypt what crosses the network. */
export const listeners = all.flatMap(({ listener }) => listener ?? []);

/** Every method of authentication, in the order in which they are asked, which is the API server's. */
export const authenticationMethods: readonly Method[] = all.flatMap(({ method }) => method ?? []);

/** The methods that the options turn on. If there is at least one, callers have to authenticate. */
export function methodsOn(options: FactOptions): readonly Method[] {
  return authenticationMethods.filter(method => method.isOn(options));
}

/** Whether the main listener encrypts what crosses the network. */
export function isEncrypted(options: FactOptions): boolean {
  return listeners.some(listener => listener.isOn(options));
}

/** What a part may ask about other parts, with these options. */
export function factsOf(options: FactOptions): OptionFacts {
  return { methods: authenticationMethods, methodsOn: methodsOn(options) };
}
