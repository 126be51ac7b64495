import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The size of each file, by its path in a folder. */
export type Sizes = Readonly<Record<string, number>>;

/** The files in a folder and in those below it. */
export async function sizesIn(folder: string): Promise<Sizes> {
  const names = await readdir(folder, { recursive: true });
  const found = await Promise.all(names.map(async (name) => ({ name, about: await stat(join(folder, name)) })));
  return Object.fromEntries(found.filter(({ about }) => about.isFile()).map(({ name, about }) => [name, about.size]));
}
