/** Single blobs by key, somewhere: what {@link blobStore} makes a store of. */
export interface Blobs {
  /** Writes a blob, over what is there. If it is cut off, then the blob is as it was, or empty, or new: never a part. */
  write(key: string, bytes: Uint8Array): Promise<void>;
  /** Undefined if there is none. */
  read(key: string): Promise<Uint8Array | undefined>;
  /** Does nothing if there is none. */
  delete(key: string): Promise<void>;
  /** The sizes of all blobs, in bytes, by key. */
  sizes(): Promise<ReadonlyMap<string, number>>;
  /** Works when nobody else does on these blobs, as far as that can be known. */
  alone<T>(work: () => Promise<T>): Promise<T>;
}
