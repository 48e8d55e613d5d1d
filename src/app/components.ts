/** What has a timer, a watcher or a socket. */
export interface Component {
  /** Begins its work in the background; nothing is dialled before. */
  start?(): void;
  close(): void | Promise<void>;
}

/** The components of a program. They start in the order in which they were added, and close in the reverse order, also after a failed start-up. */
export class Components {
  readonly #components: Component[] = [];
  #closing: Promise<void> | undefined;

  /** Adds one, and returns it. */
  add<T extends Component>(component: T): T {
    this.#components.push(component);
    return component;
  }

  start(): void {
    for (const component of this.#components) component.start?.();
  }

  /** Closes each component once, one after the other; further calls wait for the same end. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    for (const component of this.#components.splice(0).reverse()) await component.close();
  }
}
