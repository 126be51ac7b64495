import { wrapWithAbort } from 'ix/asynciterable/operators/withabort';

import { messageOf, SourceError } from '../core/errors.js';
import { openSource, type PullSource } from '../core/source.js';

/** Where text comes from: a path (in Node), or chunks of text or UTF-8 bytes, cut anywhere. Text itself is `[text]`. */
export type TextSource = string | URL | PullSource<string | Uint8Array>;

/** The text of a source in chunks, without a byte order mark. The source is opened when the first is asked for, and closed at early exit; errors name the reader. */
export async function* textChunks(
  source: TextSource,
  reader: string,
  signal: AbortSignal = new AbortController().signal,
): AsyncGenerator<string, void, undefined> {
  const opened =
    typeof source === 'string' || source instanceof URL ? fileChunks(source, reader) : openSource(source, 1, signal);
  const decoder = new TextDecoder();
  let begun = false;
  for await (const chunk of Symbol.asyncIterator in opened ? wrapWithAbort(opened, signal) : opened) {
    const text = typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    yield !begun && text.startsWith('\ufeff') ? text.slice(1) : text;
    begun ||= text.length > 0;
  }
  const rest = decoder.decode();
  if (rest) yield rest;
}

async function* fileChunks(path: string | URL, reader: string): AsyncGenerator<Uint8Array, void, undefined> {
  const unreadable = (cause: unknown): never => {
    throw new SourceError(
      `${reader}: the file must be readable, ${String(path)} is not: ${messageOf(cause)}; text itself is given as [text]`,
      0,
      { cause },
    );
  };
  // Imported here and not above: browsers load this module, too.
  const { open } = await import('node:fs/promises').catch(unreadable);
  const file = await open(path).catch(unreadable);
  try {
    const buffer = new Uint8Array(65_536);
    for (;;) {
      const { bytesRead } = await file.read(buffer).catch(unreadable);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
