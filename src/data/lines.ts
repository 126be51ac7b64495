/** The lines of a text that comes in chunks, cut anywhere; the last is what follows the last line's end, even if that is nothing. */
export async function* lines(chunks: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  let rest = '';
  for await (const chunk of chunks) {
    const ended = (rest + chunk).split('\n');
    rest = ended.pop()!;
    yield* ended;
  }
  yield rest;
}
