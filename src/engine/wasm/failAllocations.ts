import { OutOfMemoryError } from '../../core/outOfMemory.js';

/** As much of Emscripten's module as is needed here. */
export interface WasmModule {
  _malloc(this: void, bytes: number): number;
  _free(this: void, address: number): void;
}

/** Addresses are 32 bits wide. */
const ADDRESSES = 2 ** 32;
const guarded = new WeakSet<WasmModule>();

/**
 * Makes an allocation fail that the backend cannot make.
 *
 * Shipped, a size of 4 GiB and more is taken modulo 4 GiB, and the address 0 for one that could be used: kernels then write over what others hold.
 */
export function failAllocations(module: WasmModule): void {
  if (guarded.has(module)) return;
  guarded.add(module);
  module._free(module._malloc(1)); // until its first use it is a stub that would put itself in our place
  const malloc = module._malloc;
  module._malloc = (bytes) => {
    const address = bytes < ADDRESSES ? malloc(bytes) : 0;
    if (address === 0 && bytes > 0)
      throw new OutOfMemoryError(`wasm: out of memory: ${bytes} bytes do not fit into what is left of 4 GiB`);
    return address;
  };
}
