import type { Component } from '../feature.js';

/**
 * The components of a program. They start in the order in which they were added, and close in the reverse order, also after a failed start.
 */
export class Components {
  readonly #components: Component[] = [];
  #closing: Promise<void> | undefined;

  /** Adds a component, and returns it. */
  add<T extends Component>(component: T): T {
    this.#components.push(component);
    return component;
  }

  start(): void {
    for (const component of this.#components) component.start?.();
  }

  /** Closes each component once, one after the other. Further calls wait for the same end. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    for (const component of this.#components.splice(0).reverse()) await component.close();
  }
}
