import type { AuthenticationMethod, OptionFacts } from '../authentication/method.js';
import type { Command, Switched } from '../feature.js';
import { features } from '../features.js';
import type { IntersectionOf } from '../lib/option.js';

type ReadBy<Part> = Part extends { isOn(options: infer Options): boolean } ? Options : never;
type PartsIn<F> =
  | (F extends { readonly method: infer Method } ? Method : never)
  | (F extends { readonly listener: infer Listener } ? Listener : never)
  | (F extends { readonly clusters: infer Clusters } ? Clusters : never);

/** The options that say which methods of authentication, which listener, and which sources of clusters are on. */
export type FactOptions = IntersectionOf<ReadBy<PartsIn<(typeof features)[number]>>>;

type Method = AuthenticationMethod<FactOptions>;

type NamedCommand = Pick<Command<never>, 'name' | 'usage' | 'example'>;

const all: readonly {
  readonly name: string;
  readonly method?: Method;
  readonly listener?: Switched<FactOptions>;
  readonly clusters?: Switched<FactOptions>;
  readonly command?: NamedCommand;
}[] = features;

/** What the process can do besides serving. */
export const commands: readonly NamedCommand[] = all.flatMap(({ command }) => command ?? []);

/** The listeners that encrypt what crosses the network. */
export const listeners = all.flatMap(({ listener }) => listener ?? []);

/** Every method of authentication, in the order in which they are asked, which is the API server's. */
export const authenticationMethods: readonly Method[] = all.flatMap(({ method }) => method ?? []);

/** What adds clusters to the contexts of the kubeconfig. */
const clusterSources = all.flatMap(({ clusters }) => clusters ?? []);

/** The methods that the options turn on. If there is at least one, callers have to authenticate. */
export function methodsOn(options: FactOptions): readonly Method[] {
  return authenticationMethods.filter(method => method.isOn(options));
}

/** Whether the main listener encrypts what crosses the network. */
export function isEncrypted(options: FactOptions): boolean {
  return listeners.some(listener => listener.isOn(options));
}

/** Whether there may be API servers below `/clusters/`. */
export function servesClusters(options: FactOptions & { readonly allContexts: boolean }): boolean {
  return options.allContexts || clusterSources.some(source => source.isOn(options));
}

/** What a part may ask about other parts, with these options and this command. */
export function factsOf(options: FactOptions, command: string | undefined): OptionFacts {
  return {
    methods: authenticationMethods,
    methodsOn: methodsOn(options),
    listenersOn: listeners.filter(listener => listener.isOn(options)),
    ...{ clusterSources, command },
  };
}
