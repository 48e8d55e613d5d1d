import { get } from 'node:http';
import { quantile } from './report.js';
import { answer, createEventReader, now } from './watch-event.js';
import { informerPath, initialEventsEnd, watchPath } from './workloads.js';

// This process opens watches, each on its own HTTP/1.1 connection, and records how old each event is.

/** How many watches are opened at a time. */
const atOnce = 50;

let received = 0;
let lost = 0;
let measuring = false;
let sinceSent: number[] = [];
let sinceChange: number[] = [];

/** What the client does. */
export type ClientCommand =
  | { readonly command: 'open' | 'inform'; readonly url: string; readonly count: number }
  | { readonly command: 'begin' | 'end' };

/** The client's answer to each of its commands. Latencies are in milliseconds, of the events between begin and end. */
export type ClientState = ReturnType<typeof stateNow>;

answer<ClientCommand, ClientState>(async message => {
  if (message.command === 'open') await openWatches(message);
  if (message.command === 'inform') await openInformers(message);
  if (message.command === 'begin') {
    sinceSent = [];
    sinceChange = [];
  }
  measuring = message.command === 'begin';
  return stateNow();
});

function stateNow() {
  return {
    /** Events since `begin`, and since the start; the first event of each watch is not counted. */
    ...{ events: sinceSent.length, received },
    /** Watches that ended. */
    lost,
    p99: quantile(sinceSent, 0.99) / 1000,
    p99SinceChange: quantile(sinceChange, 0.99) / 1000,
  };
}

/** Opens all at the same moment. Resolves when each has had all objects and the bookmark. */
async function openInformers({ url, count }: Extract<ClientCommand, { url: string }>) {
  await Promise.all(Array.from({ length: count }, () => openInformer(url + informerPath)));
}

function openInformer(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    const request = get(url, { agent: false, headers: { Accept: 'application/json' } }, response => {
      response
        .on('error', () => {})
        .on('data', (chunk: Buffer) => {
          text = text.slice(-1_000) + chunk.toString('latin1');
          if (text.includes(initialEventsEnd)) resolve();
        });
      response.once('close', () => reject(new Error('an informer ended before its bookmark')));
    });
    request.once('error', reject);
  });
}

async function openWatches({ url, count }: Extract<ClientCommand, { url: string }>) {
  let index = 0;
  const openInTurn = async () => {
    while (index < count) {
      index += 1;
      await openWatch(url + watchPath);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, openInTurn));
}

/** Resolves with the first event, when the watch is open all the way to the server. Only later events count. */
function openWatch(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let isOpen = false;
    const read = createEventReader(({ changed, sent }) => {
      if (!isOpen) {
        isOpen = true;
        resolve();
        return;
      }
      received += 1;
      if (!measuring) return;
      const time = now();
      sinceSent.push(time - sent);
      sinceChange.push(time - changed);
    });
    const request = get(url, { agent: false, headers: { Accept: 'application/json' } }, response => {
      if (response.statusCode !== 200) reject(new Error(`a watch was answered ${response.statusCode}`));
      response.on('data', read).on('error', () => {});
      response.once('close', () => {
        lost += 1;
        reject(new Error('a watch ended before its first event'));
      });
    });
    request.once('error', reject);
  });
}
