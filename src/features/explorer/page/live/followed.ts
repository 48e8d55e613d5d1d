import { ApiError, messageOf } from '../api/client.js';
import { follow, type StreamState } from '../api/follow.js';
import { Model } from './model.js';
import type { Source } from './source.js';

/** A model whose content comes from a stream. It follows the stream until it is closed. */
export abstract class Followed extends Model {
  state: StreamState = { kind: 'connecting' };
  /** Why the stream cannot be followed; undefined as long as it can. */
  error: string | undefined;
  /** The status of the answer that the error is of; undefined without such an answer. */
  code: number | undefined;
  protected readonly source: Source;

  constructor(source: Source) {
    super();
    this.source = source;
  }

  start(): void {
    const onState = (state: StreamState) => {
      this.state = state;
      this.changed();
    };
    follow((signal, onLive) => this.run(signal, onLive), onState, this.source.page, this.signal).catch(
      (error: unknown) => {
        if (this.signal.aborted) return;
        this.failed(error);
        this.changed();
      },
    );
  }

  /** Reads the stream until it ends. Calls `onLive` when the stream begins. Rejects with an error of the stream. */
  protected abstract run(signal: AbortSignal, onLive: () => void): Promise<void>;

  /** The stream has failed, and another attempt would not help. */
  protected failed(error: unknown): void {
    this.error = messageOf(error);
    this.code = error instanceof ApiError ? error.code : undefined;
  }
}
