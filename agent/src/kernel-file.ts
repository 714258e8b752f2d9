import { readFile } from 'node:fs/promises'

/** What became of reading a file of /proc, /sys or /etc. */
export type KernelFile =
  | { found: true; text: string }
  /** `denied`: it may be there, and this user may not read it. `absent`: it is not there. */
  | { found: false; why: 'absent' | 'denied' }

/** Reads a small file. Rejects only with what is neither absence nor a lack of rights. */
export async function readKernelFile(path: string): Promise<KernelFile> {
  try {
    return { found: true, text: (await readFile(path, 'utf8')).trim() }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'EACCES' || code === 'EPERM') return { found: false, why: 'denied' }
    // Attributes of devices answer so when the hardware has no value for them.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENODEV' || code === 'EINVAL' || code === 'EIO') {
      return { found: false, why: 'absent' }
    }
    throw error
  }
}

/** The text of the file; undefined when it is absent. Rejects when it may not be read. */
export async function kernelText(path: string): Promise<string | undefined> {
  const file = await readKernelFile(path)
  if (file.found) return file.text
  if (file.why === 'denied') throw new Error(`${path} may not be read by this user`)
  return undefined
}
