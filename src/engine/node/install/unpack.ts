import { TOOLS } from './requirements.js';
import { runTool } from './runTool.js';

// Python has unpackers for both, and is needed anyway; its zipfile checks the CRC of all that it writes.
const SCRIPT = `
import os, re, sys, tarfile, zipfile
archive, folder, pattern = sys.argv[1:]
wanted = re.compile(pattern).search
if archive.endswith('.tgz'):
    with tarfile.open(archive) as tar:
        tar.extractall(folder, [m for m in tar.getmembers() if m.isfile() and wanted(m.name) and '..' not in m.name])
else:
    with zipfile.ZipFile(archive) as wheel:
        for name in wheel.namelist():
            if wanted(name) and not name.endswith('/'):
                path = wheel.extract(name, folder)
                if '/bin/' in name: os.chmod(path, 0o755)
`;

/**
 * Unpacks the files of a wheel or of an npm tarball whose names match a pattern.
 *
 * @throws {@link InstallError} (rejects) if the archive is damaged.
 */
export async function unpack(archive: string, folder: string, pattern: RegExp, signal?: AbortSignal): Promise<void> {
  await runTool(TOOLS.python.command, ['-c', SCRIPT, archive, folder, pattern.source], {
    cwd: folder,
    missing: TOOLS.python.missing,
    failing: 'the download is damaged; run the command again',
    signal,
  });
}
