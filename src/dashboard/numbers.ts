/** A list of numbers that grows, packed: a million of them are 8 MB. */
export interface Numbers {
  readonly length: number;
  at(index: number): number;
  push(value: number): void;
  cut(length: number): void;
}

export function numbers(): Numbers {
  let held = new Float64Array(1024);
  let length = 0;
  return {
    get length() {
      return length;
    },
    at: (index) => held[index]!,
    push: (value) => {
      if (length === held.length) {
        const wider = new Float64Array(2 * length);
        wider.set(held);
        held = wider;
      }
      held[length++] = value;
    },
    cut: (shorter) => (length = Math.min(length, shorter)),
  };
}

/** How many of ascending numbers are below `value`. */
export function countBelow(ascending: Numbers, value: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending.at(middle) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
