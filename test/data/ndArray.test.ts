import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ArgumentError } from '../../src/core/errors.js';
import { ndArray } from '../../src/data/ndArray.js';

describe('ndArray', () => {
  it('infers the shape of a number, of a list and of a matrix', () => {
    expect(ndArray(3)).toStrictEqual({ data: Float32Array.of(3), shape: [] });
    expect(ndArray([1, 2, 3])).toStrictEqual({ data: Float32Array.of(1, 2, 3), shape: [3] });
    expect(
      ndArray([
        [1, 2],
        [3, 4],
        [5, 6],
      ]),
    ).toStrictEqual({ data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [3, 2] });
  });

  it('makes the type that is asked for', () => {
    expect(ndArray([0, 255], 'uint8').data).toStrictEqual(Uint8Array.of(0, 255));
    expect(ndArray([-1, 7], 'int32').data).toStrictEqual(Int32Array.of(-1, 7));
  });

  it('takes typed arrays as rows', () => {
    const rows = [Float32Array.of(1, 2), Int32Array.of(3, 4)];
    expect(ndArray(rows)).toStrictEqual({ data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] });
  });

  it('copies a typed array', () => {
    const given = Float32Array.of(1, 2);
    const { data } = ndArray(given);
    given[0] = 9;

    expect(data).toStrictEqual(Float32Array.of(1, 2));
  });

  it('gives shape [0] to nothing', () => {
    expect(ndArray([])).toStrictEqual({ data: new Float32Array(0), shape: [0] });
  });

  it('keeps NaN and Infinity as float32', () => {
    expect(ndArray([NaN, -Infinity]).data).toStrictEqual(Float32Array.of(NaN, -Infinity));
  });

  it('holds every number of any even nesting in order', () => {
    const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 });
    fc.assert(
      fc.property(shapes, (shape) => {
        let next = 0;
        const nest = (depth: number): never =>
          (depth === shape.length ? next++ : Array.from({ length: shape[depth]! }, () => nest(depth + 1))) as never;
        const made = ndArray(nest(0));

        expect(made.shape).toStrictEqual(shape);
        expect([...made.data]).toStrictEqual(Array.from({ length: next }, (_, i) => i));
      }),
    );
  });

  it.each([
    ['ragged rows', [[1, 2], [3]], 'ndArray: values[1] must hold 2 elements, as the first beside it, received 1'],
    ['a number among rows', [[1, 2], 3], 'ndArray: values[1] must hold 2 elements, as the first beside it, received 3'],
    ['a row among numbers', [1, [2]], 'ndArray: values[1] must be a number, received a value of type Array'],
    ['text', [[0], ['4']], 'ndArray: values[1][0] must be a number, received "4"'],
    ['a hole', [1, undefined], 'ndArray: values[1] must be a number, received undefined'],
    ['null', null, 'ndArray: values must be a number, received null'],
  ])('rejects %s and says where', (_what, values, message) => {
    expect(() => ndArray(values as never)).toThrow(new ArgumentError(message));
  });

  it.each([
    ['int32', 1.5],
    ['int32', 2 ** 31],
    ['int32', NaN],
    ['uint8', -1],
    ['uint8', 256],
  ] as const)('rejects for %s the number %d', (dtype, value) => {
    expect(() => ndArray([0, value], dtype)).toThrow(
      new ArgumentError(`ndArray: values[1] must be a whole number that fits ${dtype}, received ${value}`),
    );
  });
});
