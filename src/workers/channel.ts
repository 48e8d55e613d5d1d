/** Questions by name, with the types of the question and of the answer. */
type Questions<Q> = { readonly [K in keyof Q]: { question: unknown; answer: unknown } };

/** Functions that answer the questions of the other side. If one rejects, the other side gets the error's message. */
export type Answers<Q extends Questions<Q>> = {
  readonly [K in keyof Q]: (question: Q[K]['question']) => Promise<Q[K]['answer']>;
};

/** The messages that carry questions and answers, besides plain messages. */
type Exchange =
  | { readonly type: 'question'; readonly id: number; readonly name: string; readonly question: unknown }
  | { readonly type: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly type: 'failure'; readonly id: number; readonly message: string };

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

/** One side of a pipe between two processes. It carries questions, answers and plain messages, in the order in which they were sent. */
export class Channel<Q extends Questions<Q>, A extends Questions<A>, Message extends { type: string }> {
  readonly #post: (message: Exchange) => void;
  readonly #answers: Answers<A>;
  readonly #onMessage: (message: Message) => void;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;
  #isClosed = false;

  /** @param post Must not throw, even if the other side is gone. */
  constructor(
    post: (message: object) => void,
    { answers, onMessage }: { answers: Answers<A>; onMessage: (message: Message) => void },
  ) {
    this.#post = post;
    this.#answers = answers;
    this.#onMessage = onMessage;
  }

  /** Asks the other side. Rejects with the other side's reason, or if the pipe is closed before the answer. */
  ask<K extends keyof Q & string>(name: K, question: Q[K]['question']): Promise<Q[K]['answer']> {
    if (this.#isClosed) return Promise.reject(closedError());
    const id = ++this.#asked;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#post({ type: 'question', id, name, question });
    });
  }

  /** Call this with each message from the pipe. */
  receive(message: Message | Exchange): void {
    if (isExchange(message)) this.#exchange(message);
    else this.#onMessage(message);
  }

  /** The other side is gone: pending and later questions are rejected. */
  close(): void {
    this.#isClosed = true;
    for (const { reject } of this.#waiting.values()) reject(closedError());
    this.#waiting.clear();
  }

  #exchange(message: Exchange): void {
    const { id } = message;
    if (message.type === 'question') {
      const answering = this.#answers[message.name as keyof A](message.question as never);
      answering.then(
        answer => this.#post({ type: 'answer', id, answer }),
        (error: Error) => this.#post({ type: 'failure', id, message: error.message }),
      );
      return;
    }
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (message.type === 'answer') waiting?.resolve(message.answer as never);
    else waiting?.reject(new Error(message.message));
  }
}

function isExchange(message: { readonly type: string }): message is Exchange {
  return message.type === 'question' || message.type === 'answer' || message.type === 'failure';
}

function closedError(): Error {
  return new Error('the other process is gone');
}
