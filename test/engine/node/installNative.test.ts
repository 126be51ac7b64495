import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';

import { InstallError } from '../../../src/engine/node/install/installError.js';
import { installNative, type InstallOptions } from '../../../src/engine/node/install/installNative.js';
import { findBuild } from '../../../src/engine/node/place.js';
import { isCi } from '../../support/inCi.js';
import { fakeTools, WORKS, type Fakes } from './fakeTools.js';

vi.mock('node:fs/promises', { spy: true });
const room = (gigabytes: number) => vi.mocked(statfs).mockResolvedValue({ bavail: gigabytes, bsize: 1e9 } as never);

const install = ({ native, downloads }: Fakes, options: Partial<InstallOptions> = {}) =>
  installNative({ device: 'cpu', tensorflow: '2.21.0', native, downloads, ...options });

/** The error of an install that must fail. */
const failure = async (fakes: Fakes, options: Partial<InstallOptions> = {}): Promise<InstallError> => {
  const error = await install(fakes, options).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(InstallError);
  return error as InstallError;
};

const leftIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);

describe('installNative', () => {
  beforeEach(() => void room(100));
  afterEach(() => void vi.mocked(statfs).mockReset());

  it('builds, proves that it computes, and tells how far it is', async () => {
    const fakes = fakeTools();
    const steps: string[] = [];
    const installed = await install(fakes, { report: ({ step, what }) => steps.push(`${step} ${what}`) });

    expect(installed).toMatchObject({ device: 'cpu', tensorflow: '2.21.0', before: false, gpu: false });
    expect(findBuild(fakes.native, 'cpu')).toMatchObject({ tensorflow: '2.21.0', arch: process.arch });
    expect(leftIn(fakes.native)).toStrictEqual(['cpu']);
    expect(leftIn(join(installed.folder, 'tensorflow')).toSorted()).toStrictEqual([
      'libtensorflow_cc.so.2',
      'libtensorflow_framework.so.2',
    ]);
    expect([...new Set(steps)]).toStrictEqual([
      '1 looking at what is there',
      '2 tensorflow-cpu==2.21.0',
      '3 @tensorflow/tfjs-node-gpu 4.22.0',
      '4 compiling the binding',
      '5 computing with it',
      '6 moving it into place',
    ]);
  });

  it('is done at once the second time, and downloads nothing when only the build is gone', async () => {
    const fakes = fakeTools();
    await install(fakes);
    const first = fakes.calls().length;

    expect(await install(fakes)).toMatchObject({ before: true });
    expect(fakes.calls()).toHaveLength(first);

    writeFileSync(join(fakes.native, 'cpu/build.json'), '{');
    expect(await install(fakes)).toMatchObject({ before: false });
    expect(fakes.calls().filter((call) => call.includes('pip download'))).toHaveLength(1);
  });

  it('fetches what the GPU needs as well, and links the binding to it', async () => {
    const fakes = fakeTools();
    const { folder } = await install(fakes, { device: 'gpu' });

    expect(
      fakes
        .calls()
        .filter((call) => call.includes('pip download'))
        .map((call) => call.split(' ').at(-1)),
    ).toStrictEqual(['tensorflow==2.21.0', 'nvidia-cudnn-cu12<10.0,>=9.3']);
    expect(existsSync(join(folder, 'nvidia/cudnn/lib/libcudnn.so.9'))).toBe(true);
    expect(fakes.calls().find((call) => call.includes('tfjs_binding'))).toMatch(
      /-rpath,\$ORIGIN\/[./]+\/nvidia\/cudnn\/lib .*-l:libcudnn\.so\.9/,
    );
  });

  it.each([
    ['python3', /python3 was not found: install .*apt-get install python3 python3-pip/],
    ['npm', /npm was not found: install npm/],
    ['g++', /g\+\+ was not found: install .*apt-get install g\+\+/],
  ] as const)('says what to install where %s is missing, before anything is downloaded', async (tool, message) => {
    const fakes = fakeTools();
    fakes.remove(tool);
    expect((await failure(fakes)).message).toMatch(message);
    expect(fakes.calls().filter((call) => /download|pack/.test(call))).toStrictEqual([]);
    expect(leftIn(fakes.native)).toStrictEqual([]);
  });

  it.each(
    (
      [
        [
          'a download that was cut off',
          'DURING_DOWNLOAD',
          'echo half > fake.whl; echo "ERROR: connection broken" >&2; exit 1',
          /pip download failed .*check the network[^]*connection broken/,
        ],
        [
          'a version that does not exist',
          'DURING_DOWNLOAD',
          'echo "ERROR: No matching distribution found" >&2; exit 1',
          /No matching distribution found/,
        ],
        [
          'a full disk',
          'DURING_DOWNLOAD',
          'echo "OSError: [Errno 28] No space left on device" >&2; exit 1',
          /no space left .*make room/,
        ],
        [
          'a damaged wheel',
          'DURING_UNPACK',
          'echo "zipfile.BadZipFile: Bad CRC-32" >&2; exit 1',
          /the download is damaged[^]*Bad CRC-32/,
        ],
        [
          'an npm registry that cannot be reached',
          'DURING_NPM',
          'echo "npm error ENOTFOUND" >&2; exit 1',
          /npm install failed .*check the network and the registry[^]*ENOTFOUND/,
        ],
        [
          'a compiler that fails',
          'DURING_COMPILE',
          'echo "error: no member named TFE_Op" >&2; exit 1',
          /g\+\+ failed .*do not fit[^]*no member named TFE_Op/,
        ],
      ] as const
    ).filter((_, i) => isCi || i % 3 === 0),
  )('leaves nothing half-built and a build of before in use: %s', async (_what, when, script, message) => {
    const fakes = fakeTools();
    await install(fakes, { tensorflow: '2.20.0' });
    vi.stubEnv(when, script);

    expect((await failure(fakes)).message).toMatch(message);
    expect(leftIn(fakes.native)).toStrictEqual(['cpu']);
    expect(leftIn(fakes.downloads).filter((name) => name.endsWith('.partial'))).toStrictEqual([]);
    expect(findBuild(fakes.native, 'cpu')).toMatchObject({ tensorflow: '2.20.0' });

    vi.stubEnv(when, '');
    expect(await install(fakes)).toMatchObject({ tensorflow: '2.21.0', before: false });
  });

  it('says before it downloads anything that the disk has too little room', async () => {
    const fakes = fakeTools();
    room(1);
    expect((await failure(fakes)).message).toMatch(
      /no space left for the 2.5 GB that are needed on the disk of .*native/,
    );
    expect((await failure(fakes, { device: 'gpu' })).message).toContain('for the 12 GB');
    expect(fakes.calls().filter((call) => call.includes('download'))).toStrictEqual([]);
  });

  it("shows the loader's words if what was built does not load", async () => {
    const fakes = fakeTools();
    fakes.binding('throw new Error("undefined symbol: TFE_NewContext")');
    expect((await failure(fakes)).message).toMatch(/does not work: try[^]*undefined symbol: TFE_NewContext/);
    expect(leftIn(fakes.native)).toStrictEqual([]);
  });

  it('refuses a build that computes wrongly', async () => {
    const fakes = fakeTools();
    fakes.binding(WORKS.replace('39', '40'));
    expect((await failure(fakes)).message).toContain('must be 17, 39; it is 17,40');
  });

  it('stops when told to, and goes on with what was downloaded', async () => {
    const fakes = fakeTools();
    const abort = new AbortController();
    vi.stubEnv('DURING_COMPILE', 'sleep 20');
    const stopped = install(fakes, { signal: abort.signal, report: ({ step }) => step === 4 && abort.abort() });
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
    expect(leftIn(fakes.native)).toStrictEqual([]);

    vi.stubEnv('DURING_COMPILE', '');
    await install(fakes);
    expect(fakes.calls().filter((call) => call.includes('pip download'))).toHaveLength(1);
  });

  it('never uses what a killed install has left, and sweeps it', async () => {
    const fakes = fakeTools();
    mkdirSync(join(fakes.native, '.staging-1'), { recursive: true });
    writeFileSync(join(fakes.native, '.staging-1/build.json'), '{}');
    mkdirSync(join(fakes.downloads, `tensorflow-cpu-2.21.0-${process.arch}.partial/download`), { recursive: true });
    expect(findBuild(fakes.native, 'cpu')).toBeUndefined();

    await install(fakes);
    expect(leftIn(fakes.native)).toStrictEqual(['cpu']);
    expect(leftIn(fakes.downloads)).toStrictEqual([`tensorflow-cpu-2.21.0-${process.arch}`]);
  });

  it('downloads again what has lost bytes since', async () => {
    const fakes = fakeTools();
    const { folder } = await install(fakes);
    writeFileSync(
      join(fakes.downloads, `tensorflow-cpu-2.21.0-${process.arch}`, 'tensorflow/libtensorflow_cc.so.2'),
      '',
    );
    writeFileSync(join(folder, 'build.json'), '{');
    await install(fakes);
    expect(readFileSync(join(folder, 'tensorflow/libtensorflow_cc.so.2'), 'utf8')).toBe('cc\n');
  });

  it('lets one install work on a folder at a time', async () => {
    const fakes = fakeTools();
    vi.stubEnv('DURING_DOWNLOAD', 'sleep 0.5');
    const first = install(fakes);
    expect((await failure(fakes)).message).toMatch(/another install is at work on .*native: wait/);
    expect(await first).toMatchObject({ before: false });
  });

  it.each([
    ['darwin', 'arm64'],
    ['linux', 's390x'],
  ])('says what to use instead on %s %s', async (platform, arch) => {
    const fakes = fakeTools();
    const { platform: realPlatform, arch: realArch } = process;
    onTestFinished(() => define(realPlatform, realArch));
    define(platform, arch);
    expect((await failure(fakes)).message).toMatch(
      new RegExp(`Linux x64 and arm64 only, this is ${platform} ${arch}: use engine\\('webgpu'\\)`),
    );
  });
});

function define(platform: string, arch: string): void {
  Object.defineProperty(process, 'platform', { value: platform });
  Object.defineProperty(process, 'arch', { value: arch });
}
