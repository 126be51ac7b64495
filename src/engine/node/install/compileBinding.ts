import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { InstallError } from './installError.js';
import { QUIET_LOG } from './quietLog.js';
import { TOOLS } from './requirements.js';
import { runTool } from './runTool.js';
import { SESSION_CONFIG } from './sessionConfig.js';

/** What TensorFlow opens by name when it looks for a GPU. */
const CUDA = /^lib(cudart|cublas|cublasLt|cufft|curand|cusolver|cusparse|cudnn|cupti|nccl|nvJitLink|nvrtc)\.so\.\d+$/;

/**
 * Compiles the binding, as published, against the TensorFlow in the build.
 *
 * The libraries' places are written into it relative to itself, so that nothing has to be exported and the folder can be moved. The CUDA libraries are
 * linked, too: once loaded with the binding they are found by whoever opens them by name, and the loader names the one that is missing.
 *
 * @throws {@link InstallError} (rejects) with the compiler's words.
 */
export async function compileBinding(build: string, headers: string, signal?: AbortSignal): Promise<void> {
  const cwd = join(build, 'node_modules/@tensorflow/tfjs-node-gpu');
  await mkdir(join(cwd, 'lib/napi-v8'), { recursive: true });
  await writeFile(join(cwd, 'binding/quiet_log.cc'), QUIET_LOG);
  await writeFile(join(cwd, 'binding/session_config.cc'), SESSION_CONFIG);
  const folders = ['tensorflow', ...(await cudaFolders(build))];
  const inCuda = await Promise.all(folders.slice(1).map((folder) => readdir(join(build, folder))));
  const libraries = [
    ...(await readdir(join(build, 'tensorflow'))).filter((name) => /^libtensorflow_(cc|framework)\.so\.\d$/.test(name)),
    ...inCuda.flat().filter((name) => CUDA.test(name)),
  ];
  if (libraries.length < 2)
    throw new InstallError('this TensorFlow has no libtensorflow_cc.so', 'take a newer one: `--tensorflow 2.21.0`');
  const includes = ['..', join(headers, 'tensorflow/include'), join(build, 'node_modules/node-api-headers/include')];
  await runTool(
    TOOLS.compiler.command,
    [
      ...['-O2', '-std=c++17', '-fPIC', '-shared', '-DNAPI_VERSION=8', '-DNODE_GYP_MODULE_NAME=tfjs_binding'],
      ...includes.flatMap((folder) => ['-I', folder]),
      ...[
        'binding/tfjs_backend.cc',
        'binding/tfjs_binding.cc',
        'binding/quiet_log.cc',
        'binding/session_config.cc',
        '-o',
        'lib/napi-v8/tfjs_binding.node',
      ],
      ...['-Wl,--no-as-needed', '-Wl,--disable-new-dtags', '-Wl,--wrap=TF_LoadSessionFromSavedModel'],
      ...folders.flatMap((folder) => ['-L', join(build, folder), `-Wl,-rpath,$ORIGIN/../../../../../${folder}`]),
      ...libraries.map((name) => `-l:${name}`),
    ],
    {
      cwd,
      missing: TOOLS.compiler.missing,
      failing: 'this TensorFlow and the binding do not fit: try `--tensorflow 2.21.0`',
      signal,
    },
  );
}

async function cudaFolders(build: string): Promise<string[]> {
  const names = await readdir(join(build, 'nvidia')).catch(() => []);
  const found = await Promise.all(
    names.map(async (name) =>
      (await readdir(join(build, 'nvidia', name))).includes('lib') ? [`nvidia/${name}/lib`] : [],
    ),
  );
  return found.flat();
}
