const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB']

/** A number of bytes with three digits or so, in powers of 1,024: `23.5 GiB`. Empty for 0. */
export function byteSize(bytes: bigint | number): string {
  let value = Number(bytes)
  if (value === 0) return ''
  let unit = 0
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1_024
    unit += 1
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1
  return `${value.toFixed(digits).replace(/\.0$/, '')} ${UNITS[unit]}`
}
