import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { onTestFinished, vi } from 'vitest';

type Tool = 'python3' | 'npm' | 'g++';

/** What the fake binding does when it is loaded: it multiplies as the installer expects. */
export const WORKS = `
module.exports = {
  tensor2d: () => 0,
  matMul: () => ({ data: async () => [17, 39] }),
  backend: () => ({ binding: { TF_Version: '2.21.0' }, isUsingGpuDevice: false }),
};`;

// `$log` has a line for each call. What a tool makes is what the real one makes, as far as the installer looks.
const TOOLS: Readonly<Record<Tool, string>> = {
  python3: `
case "$*" in
  *"pip download"*)
    eval "$DURING_DOWNLOAD"
    echo 'Downloading fake.whl (2.0 MB)'; echo wheel > fake.whl ;;
  -c*whl*)
    eval "$DURING_UNPACK"
    mkdir -p "$4/tensorflow/include" "$4/fake.dist-info" "$4/nvidia/cudnn/lib"
    echo cc > "$4/tensorflow/libtensorflow_cc.so.2"; echo framework > "$4/tensorflow/libtensorflow_framework.so.2"
    echo 'Requires-Dist: nvidia-cudnn-cu12<10.0,>=9.3; extra == "and-cuda"' > "$4/fake.dist-info/METADATA"
    echo dnn > "$4/nvidia/cudnn/lib/libcudnn.so.9" ;;
  -c*tgz*)
    mkdir -p "$4/package/binding"
    cp "$FAKES/index.js" "$4/package/index.js" ;;
esac`,
  npm: `
case "$1" in
  install) eval "$DURING_NPM"; mkdir node_modules ;;
  pack) echo tgz > fake.tgz ;;
esac`,
  'g++': `case "$*" in *tfjs_binding*) eval "$DURING_COMPILE"; echo addon > lib/napi-v8/tfjs_binding.node ;; esac`,
};

/** A place to install to, with fakes of the tools that an installer runs; gone when the test is over. */
export interface Fakes {
  readonly native: string;
  readonly downloads: string;
  /** The tools called so far, one line each. */
  readonly calls: () => string[];
  readonly remove: (tool: Tool) => void;
  /** Makes the binding do something else when it is loaded. */
  readonly binding: (source: string) => void;
}

export function fakeTools(): Fakes {
  const root = mkdtempSync(join(tmpdir(), 'gradstream-install-'));
  const [bin, log] = [join(root, 'bin'), join(root, 'log')];
  mkdirSync(bin);
  writeFileSync(join(bin, 'index.js'), WORKS);
  for (const [tool, script] of Object.entries(TOOLS)) {
    writeFileSync(join(bin, tool), `#!/bin/sh\necho "${tool} $*" | head -1 >> "${log}"\n${script}\n`);
    chmodSync(join(bin, tool), 0o755);
  }
  for (const tool of ['sh', 'head', 'mkdir', 'cp', 'sleep', 'cat']) {
    const real = process.env['PATH']!.split(delimiter).find((folder) => existsSync(join(folder, tool)))!;
    writeFileSync(join(bin, tool), `#!/bin/sh\nexec ${join(real, tool)} "$@"\n`);
    chmodSync(join(bin, tool), 0o755);
  }
  vi.stubEnv('PATH', bin);
  vi.stubEnv('FAKES', bin);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(root, { recursive: true, force: true });
  });
  return {
    native: join(root, 'native'),
    downloads: join(root, 'downloads'),
    calls: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []),
    remove: (tool) => rmSync(join(bin, tool)),
    binding: (source) => writeFileSync(join(bin, 'index.js'), source),
  };
}
