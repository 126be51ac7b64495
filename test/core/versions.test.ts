import { describe, expect, it } from 'vitest';

import { VERSION, versions } from '../../src/core/versions.js';
import manifest from '../../package.json' with { type: 'json' };
import tfjs from '../../node_modules/@tensorflow/tfjs/package.json' with { type: 'json' };

describe('versions', () => {
  it("says package.json's version of gradstream, and what computes", () => {
    expect(VERSION).toBe(manifest.version);
    expect(versions()).toStrictEqual({
      gradstream: manifest.version,
      '@tensorflow/tfjs': tfjs.version,
      engine: 'cpu',
      device: 'plain JavaScript',
    });
  });
});
