/**
 * Which driver Vulkan uses, unless another is given: Chromium's SwiftShader, which computes on the CPU.
 *
 * It is there to test with, and slow: a step of an MLP (784-256-256-10, 32 samples) that takes 18 ms on wasm takes 1.7 s on it.
 */
process.env['VK_ICD_FILENAMES'] ??= '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Why WebGPU cannot be tested here; empty if it can. In CI that is no excuse. */
export const missing =
  process.env['CI'] === 'true' || (await hasAdapter())
    ? ''
    : ' (skipped: no GPU for Vulkan; apt-get install -y chromium libvulkan1 gets one in software)';

async function hasAdapter(): Promise<boolean> {
  const dawn = (await import('webgpu').catch(() => undefined)) as
    { create(options: string[]): { requestAdapter(): Promise<unknown> } } | undefined;
  return Boolean(await dawn?.create([]).requestAdapter());
}
