import { expect, test } from 'vitest'
import { parseSocketTable } from './listening-sockets.ts'

const head =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'

function row(local: string, remote: string, state: string, inode: number): string {
  return `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1`
}

test('only listening TCP sockets count', () => {
  const table = [
    head,
    row('00000000:1F90', '00000000:0000', '0A', 11),
    row('0100007F:1F90', '0100007F:C001', '01', 12),
    row('00000000000000000000000000000000:0016', '00000000000000000000000000000000:0000', '0A', 13),
  ].join('\n')
  expect([...parseSocketTable(table, 'tcp')]).toEqual([
    ['11', 8080],
    ['13', 22],
  ])
})

test('UDP sockets without a peer count', () => {
  const table = [
    head,
    row('00000000:0035', '00000000:0000', '07', 21),
    row('0100007F:9000', '0100007F:0035', '01', 22),
  ].join('\n')
  expect([...parseSocketTable(table, 'udp')]).toEqual([['21', 53]])
})
