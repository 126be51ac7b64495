/** Named files that belong together. */
export type Files = Readonly<Record<string, Uint8Array>>;

/** Where checkpoints are kept: each a few files under a name, all of them there or none. */
export interface CheckpointStore {
  /** Keeps files under a name; whoever lists it then finds all of them. */
  save(name: string, files: Files): Promise<void>;
  /** The names, in their order as text. */
  list(): Promise<string[]>;
  load(name: string): Promise<Files>;
  remove(name: string): Promise<void>;
}
