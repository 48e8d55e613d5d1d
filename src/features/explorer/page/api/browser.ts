/** What the page uses of its window, besides what Node.js has too. Its views use more: the document. */
interface BrowserWindow {
  readonly location: {
    readonly origin: string;
    readonly pathname: string;
    readonly search: string;
    readonly hash: string;
    assign(url: string): void;
    replace(url: string): void;
  };
  readonly history: { replaceState(data: unknown, unused: string, url: string): void };
  readonly sessionStorage: {
    getItem(key: string): string | null;
    setItem(key: string, value: string): void;
    removeItem(key: string): void;
  };
  /** Reading the property throws where the browser stores nothing. */
  readonly localStorage: BrowserWindow['sessionStorage'];
  readonly document: EventTarget & { readonly visibilityState: 'visible' | 'hidden' };
  readonly performance: {
    getEntriesByType(
      type: 'navigation',
    ): readonly { readonly type: string; readonly nextHopProtocol?: string }[];
  };
  addEventListener(type: 'hashchange', listener: () => void): void;
  addEventListener(type: 'pageshow', listener: (event: { readonly persisted: boolean }) => void): void;
  /** Stops to load another document. */
  stop(): void;
}

/** The window of the page. */
export const browser = globalThis as unknown as BrowserWindow;
