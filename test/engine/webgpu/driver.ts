import { existsSync } from 'node:fs';

const driver = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Where Vulkan is to find its driver: Chromium's SwiftShader, which computes on the CPU, unless another is given. */
process.env['VK_ICD_FILENAMES'] ??= driver;

/** Why WebGPU cannot be tested here; empty if it can. In CI that is no excuse. */
export const missing =
  process.env['CI'] === 'true' || existsSync(process.env['VK_ICD_FILENAMES'])
    ? ''
    : ' (skipped: no Vulkan driver; apt-get install -y chromium libvulkan1 gets one)';
