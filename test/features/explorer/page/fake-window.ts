import assert from 'node:assert/strict';

/**
 * A browser's window: what the page's modules know of it are globals. Modules that read `location` when they are loaded have to be imported
 * after it.
 */
export class FakeWindow extends EventTarget {
  /** Where the page sent the browser, and how. */
  readonly ways: string[] = [];
  /** What its storage has. */
  readonly stored = new Map<string, string>();
  /** What the browser keeps for all windows. Undefined if it keeps nothing. */
  kept: Map<string, string> | undefined = new Map();
  readonly document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  readonly location = Object.assign(new URL('about:blank'), {
    assign: (url: string) => void this.ways.push(`assign ${url}`),
    replace: (url: string) => void this.ways.push(`replace ${url}`),
  });
  readonly history = {
    replaceState: (_state: unknown, _title: string, url: string) => {
      this.location.href = new URL(url, this.location).href;
    },
  };

  constructor(address: string) {
    super();
    this.location.href = address;
    const kept = () => {
      assert.ok(this.kept !== undefined, 'this browser keeps nothing');
      return this.kept;
    };
    const globals = {
      location: this.location,
      document: this.document,
      history: this.history,
      stop: () => void this.ways.push('stop'),
      addEventListener: this.addEventListener.bind(this),
      sessionStorage: {
        getItem: (key: string) => this.stored.get(key) ?? null,
        setItem: (key: string, value: string) => void this.stored.set(key, value),
        removeItem: (key: string) => void this.stored.delete(key),
      },
      localStorage: {
        getItem: (key: string) => kept().get(key) ?? null,
        setItem: (key: string, value: string) => void kept().set(key, value),
        removeItem: (key: string) => void kept().delete(key),
      },
    };
    for (const [name, value] of Object.entries(globals))
      Object.defineProperty(globalThis, name, { value, configurable: true });
  }

  /** Shows another view. */
  show(fragment: string): void {
    this.location.hash = fragment;
    this.dispatchEvent(new Event('hashchange'));
  }

  /** Shows or hides the window. */
  turn(visibilityState: 'visible' | 'hidden'): void {
    this.document.visibilityState = visibilityState;
    this.document.dispatchEvent(new Event('visibilitychange'));
  }
}
